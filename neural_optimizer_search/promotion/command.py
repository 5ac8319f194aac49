"""`nos-promote`: trains the best rules of a search for longer, on a larger model, and drops the worst on the way."""

import argparse
import contextlib
import dataclasses
import os
import sqlite3
import sys
from fractions import Fraction
from pathlib import Path

from tqdm import tqdm

from neural_optimizer_search.command_line import Parser, whole_number
from neural_optimizer_search.promotion import saved
from neural_optimizer_search.promotion.candidates import candidates
from neural_optimizer_search.promotion.halving import Halving, Rung, climb
from neural_optimizer_search.promotion.saved import PromotionConfig
from neural_optimizer_search.promotion.table import promotion_table
from neural_optimizer_search.records.ledger import InUse, Ledger
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.loop import EvaluationRecorder
from neural_optimizer_search.tasks import TASKS, UnknownTask, find_task
from neural_optimizer_search.workers.pool import TaskFailed
from neural_optimizer_search.workers.processes import ProcessExecutor

STOPPED = 130  # the shell's code for Ctrl-C


def main(argv=None):
    """Promotes rules from the command line; returns the exit code."""
    p = _parser()
    flags = p.parse_args(argv)
    out = flags.out or flags.run / f"promoted-{flags.task.replace(':', '.')}"
    protocol = _protocol(p, flags)
    config, chosen = _begun(p, flags, out)
    try:
        _run(config, chosen, protocol, out, flags)
    except KeyboardInterrupt:
        _say("Stopped. What was measured is kept. The same command goes on.")
        return STOPPED
    except (TaskFailed, UnknownTask) as error:
        p.error(str(error))
    except InUse as error:
        p.error(f"argument --out: {error} Wait for it, or stop it.")
    except (OSError, sqlite3.Error) as error:
        _say(f"cannot go on: {error}. When that is mended, the same command goes on.")
        return 1
    return 0


def _say(message):
    print(f"\nnos-promote: {message}", file=sys.stderr)


# -- Flags -----------------------------------------------------------------------------------------


def _parser():
    d = PromotionConfig("")
    p = Parser("nos-promote", description=__doc__, allow_abbrev=False)
    p.add_argument("run", type=Path, metavar="RUN", help="directory of a search")
    p.add_argument("--top", type=whole_number(1), default=d.top, help=f"rules that take part (default: {d.top})")
    p.add_argument(
        "--task", default=d.task, help=f"{', '.join(TASKS)}, or module:attribute of your own (default: {d.task})"
    )
    p.add_argument(
        "--protocol", default=d.protocol, help=f"how children are trained in the last rung (default: {d.protocol})"
    )
    p.add_argument("--rungs", type=whole_number(1), default=d.rungs, help=f"rounds of training (default: {d.rungs})")
    p.add_argument(
        "--keep", type=_share, default=d.keep, help="share of a rung that goes on, such as 1/2 (default: 1/3)"
    )
    p.add_argument("--seeds_per_rule", type=whole_number(1), help="trainings of each rule (default: the protocol's)")
    p.add_argument("--workers", type=whole_number(1), help="worker processes (default: one per core)")
    p.add_argument("--data_dir", help="tensorflow_datasets directory, for tasks that read one")
    p.add_argument("--out", type=Path, help="directory of the promotion (default: RUN/promoted-TASK)")
    return p


def _share(text):
    with contextlib.suppress(ValueError, ZeroDivisionError):
        if 0 < Fraction(text) < 1:
            return float(Fraction(text))
    raise argparse.ArgumentTypeError(f"must be more than 0 and less than 1, such as 1/3 or 0.5. Received: {text}.")


def _protocol(p, flags):
    try:
        protocols = find_task(flags.task).protocols
    except UnknownTask as error:
        p.error(f"argument --task: {error}")
    if flags.protocol not in protocols:
        p.error(
            f"argument --protocol: must be one of: {', '.join(protocols)}, with --task {flags.task}. "
            f"Received: {flags.protocol!r}."
        )
    protocol = protocols[flags.protocol]
    seeds = protocol.seeds if flags.seeds_per_rule is None else tuple(range(flags.seeds_per_rule))
    return dataclasses.replace(protocol, seeds=seeds)


def _begun(p, flags, out):
    """(the configuration, the candidates) of a new promotion, or of one that the same arguments began."""
    names = {field.name for field in dataclasses.fields(PromotionConfig)}
    given = {name: value for name, value in vars(flags).items() if name in names}
    config = PromotionConfig(**{**given, "run": os.path.relpath(flags.run.resolve(), out.resolve())})
    try:
        kept = saved.load(out)
    except ValueError as error:
        p.error(f"argument --out: {error}. Give another directory.")
    if kept:
        _check_same(p, config, kept[0], out)
        return kept
    chosen = candidates(_found(p, flags.run), config.top)
    if not chosen:
        p.error(f"argument RUN: {flags.run} has no rule that trained to the end. Search longer, or give another run.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        saved.save(out, config, chosen)
    except OSError as error:
        p.error(f"argument --out: cannot write to {out}: {error}")
    return config, chosen


def _check_same(p, config, kept, out):
    for name, value in dataclasses.asdict(kept).items():
        received = getattr(config, name)
        if value != received:
            flag = "RUN" if name == "run" else f"--{name}"
            p.error(
                f"argument {flag}: {out} holds a promotion with {flag} {_shown(name, value, out)}. "
                f"Received: {_shown(name, received, out)}. Give another --out for another promotion."
            )


def _shown(name, value, out):
    if name == "run":
        return os.path.normpath(out / value)
    return f"{value:.3g}" if isinstance(value, float) else "left out" if value is None else value


def _found(p, run):
    """What a search found."""
    try:
        with contextlib.closing(Ledger(run / saved.LEDGER, read_only=True)) as ledger:
            return ledger.evaluations("search")
    except (OSError, ValueError, TypeError, RecursionError, sqlite3.Error) as error:
        p.error(f"argument RUN: {run} is not a run of nos-search: {error}")


# -- The work --------------------------------------------------------------------------------------


def _run(config, chosen, protocol, out, flags):
    halving = Halving(config.rungs, config.keep)
    counts = halving.counts(len(chosen))
    print(
        f"{len(chosen)} rules of {flags.run} and {len(KNOWN_OPTIMIZERS)} known optimizers, "
        f"{config.task}/{config.protocol}, "
        f"{len(protocol.seeds)} seed{'s' * (len(protocol.seeds) > 1)}, rungs of {', '.join(map(str, counts))} rules "
        f"-> {out}",
        flush=True,
    )
    protocols = {number: halving.protocol(protocol, number) for number in range(1, config.rungs + 1)}
    steps = [p.final_steps for p in protocols.values()]
    rungs = []
    total = sum(s * (count + len(KNOWN_OPTIMIZERS)) for s, count in zip(steps, counts))
    done = sum(s * count for s, count in zip(steps, saved.progress(out, config)))
    with _bar(total, done) as bar:

        def measure(number, rules):
            bar.set_description_str(f"rung {number}/{config.rungs} ")
            executor = ProcessExecutor(find_task(config.task), protocols[number], flags.data_dir, flags.workers)
            with executor, contextlib.closing(saved.open_ledger(out, config, number)) as ledger:
                return _rung(number, rules, executor, ledger, lambda e: _advance(bar, steps[number - 1], e))

        for rung in climb([c.rule for c in chosen], halving, measure):
            rungs.append(rung)
            table = promotion_table(rungs, chosen, config.rungs)
            (out / saved.LEADERBOARD).write_text(table + "\n")
    if len(rungs) < config.rungs:
        print(f"Stopped after rung {len(rungs)} of {config.rungs}: none of its rules trained to the end.")
    print(f"\n{table}\n\nKept in {out}")


def _rung(number, rules, executor, ledger, on_evaluation):
    score = EvaluationRecorder(executor, ledger, on_evaluation=on_evaluation)
    return Rung(number, known=score(KNOWN_OPTIMIZERS.values(), role="baseline"), found=score(rules))


def _bar(total, done):
    # Of training steps, which take equally long: a rule of the last rung is worth many of the first.
    return tqdm(
        total=total,
        initial=done,
        mininterval=0.2 if sys.stderr.isatty() else 15,
        bar_format="{desc}|{bar:20}| {percentage:.0f}% {elapsed}, {remaining} left{postfix}",
    )


def _advance(bar, steps, evaluation):
    bar.set_postfix_str(f"last {evaluation.reward:.4f}  {evaluation.rule.formula():.40}", refresh=False)
    bar.update(steps)


if __name__ == "__main__":
    sys.exit(main())
