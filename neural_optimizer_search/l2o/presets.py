"""Where `nos-learn` departs from Li & Malik (2017): the settings of each preset."""

from typing import Any

# The allowed values of each setting that takes one of a few words.
CHOICES = {
    "momentum": ("shared", "each"),
    "near": ("policy", "target"),
    "chosen": ("best", "last"),
}
# Family -> number of functions to learn on, as in the paper; your own family gets the default.
FUNCTIONS = {"logistic": 90, "robust": 120, "classifier": 80, "logistic_2d": 90}
# "steady" keeps policies from diverging; "paper" follows section 5 of the paper.
PRESETS: dict[str, dict[str, Any]] = {
    "steady": dict(kept=4, momentum="shared", near="policy", compressed=True, output_bias=False, chosen="best"),
    "paper": dict(kept=1, momentum="each", near="target", compressed=False, output_bias=True, chosen="last"),
}
# Settings that trainings of earlier releases do not record, because there was no other choice.
EARLIER = {name: PRESETS["steady"][name] for name in ("near", "compressed", "output_bias", "chosen")}
EARLIER.update(limit=None, anew=False)
