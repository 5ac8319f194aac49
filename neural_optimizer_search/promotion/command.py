"""`nos-promote`: trains the best rules of a search for longer, on a larger model, and drops the worst on the way.

examples:
  nos-promote runs/first --task digits
  nos-promote runs/first --protocol paper --out runs/promoted      the same command continues
"""

import contextlib
import dataclasses
import functools
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from neural_optimizer_search import console, flags
from neural_optimizer_search.command_line import MissingPackage, Parser, quote, require
from neural_optimizer_search.file_lock import FileLock, InUse, Moved
from neural_optimizer_search.files import Damaged, write_whole
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.promotion import saved
from neural_optimizer_search.promotion.candidates import choose_candidates
from neural_optimizer_search.promotion.config import OutConfig, PromotionConfig
from neural_optimizer_search.promotion.halving import Halving, Rung, climb
from neural_optimizer_search.promotion.table import promotion_table
from neural_optimizer_search.records.ledger import NotThisRun
from neural_optimizer_search.records.progress import ProgressBar
from neural_optimizer_search.records.roles import BASELINE
from neural_optimizer_search.records.run_directory import (
    LEADERBOARD,
    PROMOTION_FILE,
    TRACEBACKS,
    remove_unbegun,
    require_free,
    say_no_search,
)
from neural_optimizer_search.search.known_optimizers import require_reward
from neural_optimizer_search.search.own_task import ChangedTask, prepare_task, record_fingerprint
from neural_optimizer_search.search.ranking import Contender, read_found_rules
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.search.score_words import score_words
from neural_optimizer_search.search.timeout import find_timeout
from neural_optimizer_search.search.tracebacks import keep_tracebacks
from neural_optimizer_search.tasks import UnknownTask
from neural_optimizer_search.workers.executor import Ask, Executor, TaskFailed
from neural_optimizer_search.workers.placement import Misplaced
from neural_optimizer_search.workers.ray_workers import NoCluster


@console.command("nos-promote")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Promotes rules from the command line; returns the exit code."""
    p = flags.build_parser("nos-promote", __doc__, PromotionConfig, OutConfig)
    given = vars(p.parse_args(argv))
    require(p, "search", "tqdm")
    asked = flags.configure(PromotionConfig, given)
    asked.check_workers(p)
    asked.check_task(p)
    _check_rungs(p, asked)
    run = Path(asked.run)
    if run.is_file():
        p.error(f"argument RUN: must be the directory of a run. Received: {quote(run)}, which is a file.")
    out = given.get("out") or run / f"promoted-{asked.task.replace(':', '.')}"
    promotion = _begin(p, asked, run, out)
    again = flags.command("nos-promote", PromotionConfig, given) + (f" --out {quote(out)}" if "out" in given else "")
    console.goes_on(f"What was measured is kept. Go on with: {again}", f"When that is fixed: {again}")
    try:
        _promote(promotion, run, out)
    except (TaskFailed, UnknownTask, MissingPackage, NoCluster, Misplaced) as error:
        if not any(map(os.path.lexists, (out / name for name in saved.rung_files(promotion.config)))):
            remove_unbegun(out, PROMOTION_FILE)
        p.error(str(error))
    except InUse as error:
        p.error(f"argument --out: {error} Wait for it, or stop it.")
    except (Damaged, NotThisRun) as error:
        p.error(f"argument --out: {error} Give another directory.")
    except ChangedTask as error:
        p.error(f"argument --task: {error}")
    except Moved as error:
        print(f"\nnos-promote: {error} {error.kept}", file=sys.stderr)
        return 1
    return 0


# -- Which promotion -------------------------------------------------------------------------------


def _begin(p: Parser, asked, run, out) -> saved.Promotion:
    """A new promotion, or the one that the same arguments began."""
    config = dataclasses.replace(asked, run=os.path.relpath(os.path.realpath(run), os.path.realpath(out)))
    try:
        kept = saved.load(out)
    except (Damaged, OSError) as error:
        p.error(f"argument --out: {error} Give another directory.")
    if kept:
        _check_same(p, config, kept.config, out)
        return kept._replace(config=config)
    require_free(p, out, "the promotion", (LEADERBOARD, saved.TRAININGS, *saved.rung_files(config)))
    chosen = choose_candidates(_read_found(p, run), config.top, config.known_optimizers.values())
    if not chosen:
        p.error(f"argument RUN: {run} has no rule that trained to the end. Search longer, or give another run.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return saved.save(out, config, chosen)
    except FileExistsError:  # another process was faster
        p.error(f"argument --out: {out} holds a promotion that has just begun. Wait for it, or stop it.")
    except OSError as error:
        p.error(f"argument --out: cannot write to {out}: {error}. Give another directory with --out.")


def _check_rungs(p, config):
    steps = config.find()[1].final_steps
    if config.rungs > steps:
        what = f"{steps}, the steps of a training of {config.task}/{config.protocol}"
        p.error(f"argument --rungs: must be at most {what}. Received: {config.rungs}.")


def _check_same(p, config, kept, out):
    for name, (one, _) in flags.flags_of(PromotionConfig).items():
        value, received = getattr(kept, name), getattr(config, name)
        if value != received and not one.changeable:
            flag = flags.spell(PromotionConfig, name)
            p.error(
                f"argument {flag}: {out} holds a promotion with {flag} {_show(name, value, out)}. "
                f"Received: {_show(name, received, out)}. Give another --out for another promotion."
            )


def _show(name, value, out):
    if name == "run":
        return os.path.normpath(out / value)
    return f"{value:.3g}" if isinstance(value, float) else flags.tell(value)


def _read_found(p: Parser, run) -> list[Contender]:
    """The rules that a search found, in the order of its leaderboard."""
    try:
        return read_found_rules(run)
    except FileNotFoundError as error:
        p.error(f"argument RUN: {say_no_search(run, error)}")
    except (OSError, sqlite3.OperationalError) as error:
        p.error(f"argument RUN: {run} cannot be read now: {error}")
    except (Damaged, sqlite3.Error) as error:
        p.error(f"argument RUN: {run} is not a run of nos-search: {error}")


# -- The work --------------------------------------------------------------------------------------


def _promote(promotion, run, out):
    config, chosen, known = promotion.config, promotion.candidates, promotion.config.known_optimizers
    task, protocol = config.find()
    halving = Halving(config.rungs, config.keep)
    ends, counts = halving.ends(protocol.final_steps, protocol.sweep_steps), halving.counts(len(chosen))
    prepared = prepare_task("nos-promote", task, protocol, config.make_describer(), config.data_dir, out / TRACEBACKS)
    words = score_words(config.task, prepared.fingerprint)
    _print_first_lines(config, protocol, run, out, counts, ends)
    # Counted in training steps, which all take equally long: a rule of a later rung takes more of them.
    steps = [end - start for start, end in zip((0, *ends), ends)]
    done = sum(s * count for s, count in zip(steps, saved.count_evaluations(out, promotion)))
    total = sum(s * (count + len(known)) for s, count in zip(steps, counts))
    rungs, table = [], ""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(FileLock(out / PROMOTION_FILE)))  # held through all rungs
        executor = stack.enter_context(config.open_executor(prepared.task, protocol, config.data_dir))
        if config.executor != "local":  # their number was unknown when the first line was printed
            print(f"Trained by {executor.title}.", flush=True)
        bar = stack.enter_context(ProgressBar(total, unit=None, done=done))
        measurer = _Measurer(promotion, out, prepared.fingerprint, ends, steps, executor, bar, executor.timeout)
        for rung in climb([c.rule for c in chosen], halving, measurer.measure):
            rungs.append(rung)
            table = promotion_table(rungs, chosen, config.rungs, words, known)
            write_whole(out / LEADERBOARD, lambda unfinished, table=table: unfinished.write_text(f"{table}\n"))
            saved.clear_trainings(out, [*halving.choose(rung), *known.values()])
        saved.clear_trainings(out)
    if len(rungs) < config.rungs:
        print(f"Stopped after rung {len(rungs)} of {config.rungs}: none of its rules trained to the end.")
    print(f"\n{table}\n\nKept in {out}")


class _Measurer(NamedTuple):
    """Measures the rules of each rung; `ends` and `steps` have a value per rung, `timeout` is for the first rule."""

    promotion: saved.Promotion
    out: Path
    fingerprint: Optional[Fingerprint]
    ends: Sequence[int]
    steps: Sequence[int]
    executor: Executor
    bar: ProgressBar
    timeout: float

    def measure(self, number, rules):
        config, tracebacks, trainings = self.promotion.config, self.out / TRACEBACKS, saved.make_trainings(self.out)
        ask = Ask("measure_until", dict(end=self.ends[number - 1], directory=str(trainings)))
        self.bar.title(f"rung {number}/{config.rungs}")
        self.executor.timeout = self.timeout
        with contextlib.closing(saved.open_ledger(self.out, self.promotion, number)) as ledger:
            record_fingerprint(ledger.run, self.fingerprint, "give another --out")
            recorder = EvaluationRecorder(
                self.executor,
                ledger,
                on_evaluation=functools.partial(self._show, self.steps[number - 1]),
                on_wait=self.bar.wait_for,
                measure=ask,
            )
            with keep_tracebacks(self.executor, tracebacks, ledger.require_in_place):
                rung = _measure_rung(number, rules, recorder, config)
            ledger.require_in_place()  # otherwise the leaderboard would be written to the old place
        return rung

    def _show(self, steps, evaluation):
        self.bar.note(f"last {evaluation.reward:.4f}  {evaluation.rule.formula():.40}")
        self.bar.advance(steps)


def _print_first_lines(config, protocol, run, out, counts, ends):
    rates, known = len(protocol.learning_rates), count_of(len(config.known_optimizers), "known optimizer")
    print(
        f"{count_of(counts[0], 'rule')} of {run} and {known}, "
        f"{config.task}/{config.protocol}, {count_of(len(protocol.seeds), 'seed')}, "
        f"rungs of {', '.join(map(str, counts))} rules, {config.describe_workers()} -> {out}\n"
        f"Of {rates} learning rates, the best at step {min(protocol.sweep_steps, ends[0]):,} is trained further; "
        f"rungs end at step {', '.join(f'{end:,}' for end in ends)}.",
        flush=True,
    )


def _measure_rung(number, rules, recorder, config):
    optimizers = config.known_optimizers
    known = recorder(optimizers.values(), role=BASELINE)
    if number == 1:
        require_reward(dict(zip(optimizers, known)))
    recorder.executor.timeout = config.timeout or find_timeout(known)
    return Rung(number, known=known, found=recorder(rules))


if __name__ == "__main__":
    sys.exit(main())
