"""`nos-learn`: learns an optimizer for a family of functions, by guided policy search."""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from tqdm import tqdm

from neural_optimizer_search.command_line import NotFound, Parser, import_named
from neural_optimizer_search.l2o import saved
from neural_optimizer_search.l2o.guided_policy_search import GuidedPolicySearchConfig, learn
from neural_optimizer_search.l2o.momentum import CHOICES
from neural_optimizer_search.objectives import FAMILIES, Family

# As many as in the paper; a family of your own gets the default.
FUNCTIONS = {"logistic": 90, "robust": 120, "classifier": 80, "logistic_2d": 90}
STOPPED = 130  # the shell's code for Ctrl-C


def main(argv=None):
    """Learns a policy from the command line; returns the exit code."""
    p = _parser()
    given = vars(p.parse_args(argv))
    out, name, config = _resumed(p, given) if "resume" in given else _new(p, given)
    family = _family(p, name)
    try:
        _learn(out, name, family, config)
    except KeyboardInterrupt:
        print(f"\nStopped. Finished iterations are kept. Go on with: nos-learn --resume {out}", file=sys.stderr)
        return STOPPED
    except OSError as error:
        print(f"nos-learn: cannot go on: {error}. When that is mended: nos-learn --resume {out}", file=sys.stderr)
        return 1
    except FloatingPointError as error:
        print(f"nos-learn: {error}", file=sys.stderr)
        return 1
    return 0


def _parser():
    d = GuidedPolicySearchConfig()
    p = Parser("nos-learn", description=__doc__, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    p.add_argument("--family", help=f"{', '.join(FAMILIES)}, or module:attribute of your own (default: logistic)")
    p.add_argument("--functions", type=int, help="functions to learn on (default: as many as in the paper)")
    p.add_argument("--iterations", type=int, help=f"of guided policy search (default: {d.iterations})")
    p.add_argument("--momentum", choices=CHOICES, help=f"what is imitated first (default: {d.momentum})")
    p.add_argument("--seed", type=int, help=f"of all that is random (default: {d.seed})")
    p.add_argument("--out", type=Path, help="directory of the training (default: runs/learn-FAMILY-seedSEED)")
    p.add_argument("--resume", type=Path, metavar="RUN", help="go on with a training; --iterations may be more")
    return p


def _new(p, given):
    name = given.get("family", "logistic")
    _family(p, name)
    config = GuidedPolicySearchConfig(functions=FUNCTIONS.get(name, GuidedPolicySearchConfig.functions))
    config = _changed(p, config, given)
    out = given.get("out") or Path("runs", f"learn-{name.replace(':', '.')}-seed{config.seed}")
    if (out / saved.CONFIG).exists():
        p.error(f"argument --out: {out} holds a training. Use --resume {out}, or another directory")
    try:
        out.mkdir(parents=True, exist_ok=True)
        saved.save_config(out, name, config)
    except OSError as error:
        p.error(f"argument --out: cannot write to {out}: {error}")
    return out, name, config


def _resumed(p, given):
    out = given.pop("resume")
    fixed = sorted(set(given) - {"iterations"})
    if fixed:
        p.error(f"argument --{fixed[0]}: not allowed with --resume: a training keeps its own, all but --iterations")
    try:
        name, config = saved.load_config(out)
    except (OSError, ValueError, TypeError, KeyError) as error:
        p.error(f"argument --resume: {out} is not a training of nos-learn: {error}")
    return out, name, _changed(p, config, given)


def _changed(p, config, given):
    names = {field.name for field in dataclasses.fields(config)}
    try:
        return dataclasses.replace(config, **{name: value for name, value in given.items() if name in names})
    except ValueError as error:
        p.error(str(error))


def _family(p, name):
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
    last = saved.load_iteration(out)
    what = f"{config.functions} functions of {family.dimension} numbers"
    print(f"{name}: {what}, seed {config.seed} -> {out}", flush=True)
    form = "{n_fmt}/{total_fmt} functions |{bar:20}| {elapsed}, {remaining} left{postfix}"
    done = 0 if last is None else last.number
    with tqdm(total=config.functions * config.iterations, initial=config.functions * done, bar_format=form) as bar:
        for iteration in learn(config, family, last, advance=bar.update):
            last = iteration
            saved.save_iteration(out, last, about=dict(family=name, **dataclasses.asdict(config)))
            bar.set_postfix_str(f"mean value {last.best_merit:.4f}")
    if last is not None:
        print(
            f"Mean value over {config.validation_steps} steps on {config.validation} other functions: "
            f"{last.best_merit:.4f}. {time.monotonic() - began:.0f} seconds. "
            f'Use it: PredictedStepDescent.load("{out / saved.POLICY}")'
        )


if __name__ == "__main__":
    sys.exit(main())
