"""The hyperparameters of the search for settings."""

from dataclasses import dataclass

from neural_optimizer_search.arguments import check_fields


@dataclass(frozen=True)
class SettingsConfig:
    """The settings of the search for settings.

    Args:
      batch_size: Trials per proposal.
      parents: The least number of best trials that have children, once there are as many. A trial is trained with a
        further seed if it is as good as the middle one of this many best settings.
      parent_share: Share of the trials that have children, if this is more than `parents`. The larger the share of a
        form's trials that are among them, the more children it has; see `Parents.choose`.
      most_parents: Maximum number of trials that have children; at least `parents`.
      known_parents: Like `parents`, among known optimizers.
      known_share: Share of the trials that are children of known optimizers.
      rates: The lowest and the highest rate at which a form is tried while there are no parents, for updates whose
        root mean square is 1.
      draws: Number of rounds of further trials of the start rules, with random constants and a rate and schedule near
        those of a parent, after one trial of each with its own constants at the middle rate; see `StartDraws`.
      form_share: Share of the children that have another form. Of these, a share of `cross_share` takes parts of
        another parent's form, a tenth has a random form, and the others differ in one part.
      cross_share: See `form_share`.
      model_share: Share of the children whose constants a `FormModel` draws from all trials of their form, once there
        are enough. The others have the parent's constants, some of them changed.
      change_share: Share of the constants of such a child that differ from the parent's.
      largest_step: Largest standard deviation of such a change, as a fraction of the range, on a logarithmic scale
        where the range has one. The standard deviation for a child is between a tenth of this and this.
      enough: Number of trials after which others may end early.
      memory: Number of recent trials to compare with: a trial continues if its reward after a third of its training
        is at least as high as that of a share of `early_share` of them.
      early_share: See `memory`. On several tasks, it applies in the same way after each task but the last.

    Raises:
      ValueError: If a value is out of range.
    """

    batch_size: int = 4
    parents: int = 6
    parent_share: float = 0.1
    most_parents: int = 25
    known_parents: int = 2
    known_share: float = 0.15
    rates: tuple[float, float] = (0.002, 0.2)
    draws: int = 6
    form_share: float = 0.25
    cross_share: float = 0.3
    model_share: float = 0.8
    change_share: float = 0.4
    largest_step: float = 0.25
    enough: int = 10
    memory: int = 100
    early_share: float = 0.5

    def __post_init__(self) -> None:
        check_fields(
            self,
            "above 0",
            "batch_size",
            "parents",
            "most_parents",
            "known_parents",
            "largest_step",
            "enough",
            "memory",
        )
        check_fields(self, "at least 0", "draws")
        check_fields(
            self,
            "in [0, 1]",
            "parent_share",
            "known_share",
            "form_share",
            "cross_share",
            "model_share",
            "change_share",
            "early_share",
        )
        if not 0.0 < self.rates[0] <= self.rates[1]:
            raise ValueError(
                f"Argument `rates` must be the lowest and the highest rate, above 0. Received: {self.rates}."
            )
        if self.most_parents < self.parents:
            raise ValueError(
                f"Argument `most_parents` must be at least parents={self.parents}. Received: {self.most_parents}."
            )
