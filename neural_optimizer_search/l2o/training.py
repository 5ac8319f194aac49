"""`nos-learn`: learns an optimizer for a family of functions, by guided policy search."""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Optional

from neural_optimizer_search import console
from neural_optimizer_search.command_line import NotFound, import_named, require
from neural_optimizer_search.flags import build_parser, changed_on_resume, configure, flag, spell
from neural_optimizer_search.l2o import saved
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.guided_policy_search import learn
from neural_optimizer_search.objectives import FAMILIES, Family
from neural_optimizer_search.records.progress import ProgressBar

# As many as in the paper; a family of your own gets the default.
FUNCTIONS = {"logistic": 90, "robust": 120, "classifier": 80, "logistic_2d": 90}


@dataclasses.dataclass(frozen=True)
class Training:
    """What `nos-learn` learns on, and where it keeps that."""

    family: str = flag("logistic", f"{', '.join(FAMILIES)}, or module:attribute of your own")
    out: Optional[str] = flag(None, "directory of the training", default_text="runs/learn-FAMILY-seedSEED")
    resume: Optional[str] = flag(None, "go on with a training; --iterations may be more", metavar="RUN")


@console.command("nos-learn")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Learns a policy from the command line; returns the exit code."""
    p = build_parser("nos-learn", __doc__, Training, GuidedPolicySearchConfig)
    given = vars(p.parse_args(argv))
    require(p, "l2o", "tqdm", "sklearn", "scipy")
    out, name, config = _resume(p, given) if "resume" in given else _begin(p, given)
    family = _find_family(p, name)
    again = f"nos-learn --resume {out}"
    console.goes_on(f"Finished iterations are kept. Go on with: {again}", f"When that is mended: {again}")
    try:
        _learn(out, name, family, config)
    except FloatingPointError as error:
        print(f"nos-learn: {error}", file=sys.stderr)
        return 1
    return 0


def _begin(p, given):
    """(the directory, the family's name, the configuration) of a new training, which is written down."""
    training = configure(Training, given)
    name = training.family
    _find_family(p, name)
    functions = FUNCTIONS.get(name, GuidedPolicySearchConfig.functions)
    config = configure(GuidedPolicySearchConfig, given, functions=functions)
    out = pathlib.Path(training.out or f"runs/learn-{name.replace(':', '.')}-seed{config.seed}")
    if (out / saved.CONFIG).exists():
        p.error(f"argument --out: {out} holds a training. Use --resume {out}, or another directory")
    try:
        out.mkdir(parents=True, exist_ok=True)
        saved.save_config(out, name, config)
    except OSError as error:
        p.error(f"argument --out: cannot write to {out}: {error}")
    return out, name, config


def _resume(p, given):
    """The same of a training that is there."""
    out = pathlib.Path(given["resume"])
    for name in ("family", "out"):
        if name in given:
            p.error(f"argument {spell(Training, name)}: not allowed with --resume: a resumed run keeps its own")
    try:
        name, config = saved.load_config(out)
    except (OSError, ValueError, TypeError, KeyError) as error:
        p.error(f"argument --resume: {out} is not a training of nos-learn: {error}")
    return out, name, changed_on_resume(p, GuidedPolicySearchConfig, given, dataclasses.asdict(config))


def _find_family(p, name):
    if name in FAMILIES:
        return FAMILIES[name]
    if ":" not in name:
        p.error(f"argument --family: must be one of {', '.join(FAMILIES)}, or module:attribute. Received: {name!r}")
    try:
        family = import_named(name)
    except NotFound as error:
        p.error(f"argument --family: {error}")
    if not isinstance(family, Family):
        p.error(f"argument --family: {name!r} must be an instance of Family. Received: {family!r}")
    return family


def _learn(out, name, family, config):
    began = time.monotonic()
    last = saved.load_state(out)
    what = f"{config.functions} functions of {family.dimension} numbers"
    print(f"{name}: {what}, seed {config.seed} -> {out}", flush=True)
    done = 0 if last is None else last.number
    with ProgressBar(config.functions * config.iterations, "functions", config.functions * done) as bar:
        for iteration in learn(config, family, last, advance=bar.advance):
            last = iteration
            saved.save_state(out, last, about=dict(family=name, **dataclasses.asdict(config)))
            bar.note(f"mean value {last.best_merit:.4f}")
    if last is not None:
        print(
            f"Mean value over {config.validation_steps} steps on {config.validation} other functions: "
            f"{last.best_merit:.4f}. {time.monotonic() - began:.0f} seconds. "
            f'Use it: PredictedStepDescent.load("{out / saved.POLICY}")'
        )


if __name__ == "__main__":
    sys.exit(main())
