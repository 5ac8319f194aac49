"""`nos-learn`: learns an optimizer for a family of functions, by guided policy search.

examples:
  nos-learn --family logistic
  nos-learn --family my_module:my_family
"""

import argparse
import contextlib
import dataclasses
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple, NoReturn, Optional

import tensorflow as tf

from neural_optimizer_search import console
from neural_optimizer_search.command_line import Parser, path, quote, require, shorten
from neural_optimizer_search.file_lock import FileLock, InUse, Moved
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.flags import build_parser, configure, spell
from neural_optimizer_search.l2o import saved
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig, Training
from neural_optimizer_search.l2o.guided_policy_search import TrainingState, learn
from neural_optimizer_search.l2o.named_family import UnknownFamily, find_family
from neural_optimizer_search.l2o.presets import FUNCTIONS, PRESETS
from neural_optimizer_search.objectives import Family
from neural_optimizer_search.origin import is_made_here
from neural_optimizer_search.recorded_flags import changed_on_resume, record
from neural_optimizer_search.records.progress import ProgressBar
from neural_optimizer_search.records.run_directory import OF_TRAINING, require_free


class _Work(NamedTuple):
    """A training that this process has locked, and its state; `last` is None before the first iteration."""

    out: pathlib.Path
    training: Training
    family: Family
    config: GuidedPolicySearchConfig
    lock: FileLock
    last: Optional[TrainingState] = None


@console.command("nos-learn")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Learns a policy from the command line; returns the exit code."""
    p = build_parser("nos-learn", __doc__, Training, GuidedPolicySearchConfig)
    given = vars(p.parse_args(argv))
    require(p, "l2o", "tqdm", "sklearn", "scipy")
    with contextlib.ExitStack() as stack:
        work = (_resume if "resume" in given else _begin)(p, given, stack)
        again = f"nos-learn --resume {quote(work.out)}"
        console.goes_on(f"Finished iterations are kept. Go on with: {again}", f"When that is fixed: {again}")
        try:
            _learn(work)
        except (OSError, MemoryError, Moved, tf.errors.OpError) as error:
            print(f"nos-learn: cannot go on: {_explain(error, work)}", file=sys.stderr)
            return 1
        except FloatingPointError as error:
            print(f"nos-learn: {error}", file=sys.stderr)
            return 1
    return 0


# -- Which training --------------------------------------------------------------------------------


def _begin(p, given, stack):
    """Creates a new training on disk."""
    training = configure(Training, given)
    family = _find_family(p, training.family)
    if "anew" in given and PRESETS[training.preset]["near"] == "target":
        p.error(f"argument --anew: not allowed with --preset {training.preset}, where each function keeps its target")
    functions = FUNCTIONS.get(training.family, GuidedPolicySearchConfig.functions)
    config = configure(GuidedPolicySearchConfig, given, functions=functions, **PRESETS[training.preset])
    try:
        out = training.out or path(_name_directory(training, config.seed))
    except argparse.ArgumentTypeError as error:
        p.error(f"argument --out: {error}")
    _require_free(p, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        p.error(f"argument --out: cannot write to {out}: {error}. Give another directory.")
    lock = _hold(p, "--out", out, stack)
    _require_free(p, out)  # another process may have used it in between
    _save_config(p, "--out", out, training, config)
    return _Work(out, training, family, config, lock)


def _name_directory(training, seed):
    family = training.family.replace(":", ".")
    kind = family if training.preset == Training.preset else f"{family}-{training.preset}"
    return f"runs/learn-{kind}-seed{seed}"


def _require_free(p, out):
    require_free(p, out, "the training", (saved.CONFIG, saved.STATE, saved.POLICY), resumes=OF_TRAINING)


def _resume(p, given, stack):
    """Opens an existing training."""
    out = given["resume"]
    if "out" in given:
        p.error(f"argument {spell(Training, 'out')}: not allowed with --resume: a resumed run keeps its own")
    try:
        recorded = saved.load_config(out)
    except OSError as error:
        p.error(f"argument --resume: {out} is not a training of nos-learn: {error}")
    except Damaged as error:
        p.error(f"argument --resume: {error} Put back a copy of it, or begin anew with another --out.")
    made_here = is_made_here(recorded.origin, out)
    found = changed_on_resume(p, Training, given, record(recorded.training), made_here)
    config = changed_on_resume(p, GuidedPolicySearchConfig, given, dataclasses.asdict(recorded.config))
    family = _find_family(p, found.family)
    lock = _hold(p, "--resume", out, stack)
    try:
        last = saved.load_state(out, family.dimension)
    except Damaged as error:
        p.error(f"argument --resume: {error} Put back a copy of the file; without it the training begins anew.")
    except (OSError, MemoryError) as error:
        p.error(f"argument --resume: cannot read {out / saved.STATE}: {error}")
    done = 0 if last is None else last.number
    if "iterations" in given and config.iterations < done:
        p.error(
            f"argument --iterations: must be at least {done}, as many as are done. Received: {config.iterations}."
        )
    if config != recorded.config or not made_here:
        _save_config(p, "--resume", out, found, config)
    return _Work(out, found, family, config, lock, last)


def _find_family(p: Parser, name: str) -> Family:
    try:
        return find_family(name)
    except UnknownFamily as error:
        p.error(f"argument --family: {error}")


def _hold(p: Parser, word: str, out: pathlib.Path, stack: contextlib.ExitStack) -> FileLock:
    """Locks a directory until the stack is closed."""
    try:
        return stack.enter_context(contextlib.closing(saved.lock(out)))
    except InUse:
        p.error(f"argument {word}: the training in {out} is being run by another process. Wait for it, or stop it.")
    except (OSError, Damaged) as error:
        _cannot_write(p, word, out, error)


def _save_config(p, word, out, training, config):
    try:
        saved.save_config(out, training, config)
    except OSError as error:
        _cannot_write(p, word, out, error)


def _cannot_write(p: Parser, word: str, out: pathlib.Path, error: Exception) -> NoReturn:
    p.error(f"argument {word}: cannot write to {out}: {error}")


# -- The work --------------------------------------------------------------------------------------


def _learn(work):
    out, config, last = work.out, work.config, work.last
    about = saved.describe(work.training, config)
    began = time.monotonic()
    if last is not None:
        saved.restore_policy(out, last, about)
    what = f"{config.functions} functions of {work.family.dimension} numbers"
    print(f"{work.training.family}: {what}, seed {config.seed} -> {out}", flush=True)
    done = 0 if last is None else last.number
    with ProgressBar(config.functions * config.iterations, "functions", config.functions * done) as bar:
        for iteration in learn(config, work.family, last, advance=bar.advance):
            last = iteration
            work.lock.require_in_place()  # nothing is written to whatever is in its place now
            saved.save_state(out, last, about)
            bar.note(f"mean value {last.choose(config.chosen)[1]:.4f}")
    if last is not None:
        print(
            f"Mean value over {config.validation_steps} steps on {config.validation} other functions: "
            f"{last.choose(config.chosen)[1]:.4f}. {time.monotonic() - began:.0f} seconds. "
            f"Use it: PredictedStepDescent.load({str(out / saved.POLICY)!r})"
        )


def _explain(error, work):
    """The message about what ended the work, and what to do."""
    try:
        work.lock.require_in_place()
    except Moved as moved:
        error = moved  # the cause of the other error
    if not isinstance(error, Moved):
        what = shorten(" ".join(str(error).split()), 300) or "there is not enough memory"
        return f"{what}. When that is fixed: nos-learn --resume {quote(work.out)}"
    if error.place is None:
        return f"{error} If it was moved, go on where it is now: nos-learn --resume DIRECTORY"
    return f"{error} Go on where it is now: nos-learn --resume {quote(error.place.parent)}"


if __name__ == "__main__":
    sys.exit(main())
