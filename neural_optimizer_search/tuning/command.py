"""`nos-tune`: tunes an update rule on a task: its constants, learning rate, schedule and weight decay.

examples:
  nos-tune adam --task digits                             45 seconds on two cores
  nos-tune runs/first#1                                   the best rule of a search, on its task
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from neural_optimizer_search import console, flags
from neural_optimizer_search.command_line import MissingPackage, Parser, is_own, quote, require
from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.file_lock import InUse, Moved
from neural_optimizer_search.files import Damaged, write_whole
from neural_optimizer_search.origin import is_made_here
from neural_optimizer_search.recorded_flags import changed_on_resume, check_recorded, complete, record
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.progress import ProgressBar
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.records.run_directory import (
    LEDGER,
    OF_TUNING,
    STUDY,
    TRACEBACKS,
    TUNED,
    explain_no_resume,
    make_directory,
    remove_unbegun,
    require_free,
    require_own_files,
)
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.named_rules import find_rule, find_run
from neural_optimizer_search.search.own_task import ChangedTask, prepare_task, record_fingerprint
from neural_optimizer_search.search.tracebacks import keep_tracebacks
from neural_optimizer_search.tasks import UnknownTask
from neural_optimizer_search.trials.check_trials import check_trials
from neural_optimizer_search.trials.first_trials import find_trial_steps
from neural_optimizer_search.trials.known_setting import find_space
from neural_optimizer_search.tuning.config import PlaceConfig, TuneConfig
from neural_optimizer_search.tuning.objective import TaskObjective
from neural_optimizer_search.tuning.plan import (
    Plan,
    check_steps,
    choose_fresh_seeds,
    find_default_steps,
)
from neural_optimizer_search.tuning.report import find_metric, format_result
from neural_optimizer_search.tuning.study_file import StudyFile, create
from neural_optimizer_search.tuning.tuner import (
    NothingTrained,
    carry_out,
    count_owed,
    count_spent,
    find_known_setting,
)
from neural_optimizer_search.user_error import UserError
from neural_optimizer_search.versions import describe_changes, find_versions
from neural_optimizer_search.workers.describing import Describer
from neural_optimizer_search.workers.executor import TaskFailed


class OpenTuning(NamedTuple):
    """A tuning that is open for writing: its `TuneConfig`, its directory and its file."""

    config: TuneConfig
    out: Path
    file: StudyFile


@console.command("nos-tune")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Tunes a rule from the command line; returns the exit code."""
    p = flags.build_parser("nos-tune", __doc__, TuneConfig, PlaceConfig)
    given = vars(p.parse_args(argv))
    require(p, "search", "tqdm")
    config, out, file = _open_old(p, given) if "resume" in given else _open_new(p, given)
    again = f"nos-tune --resume {quote(out)}"
    console.goes_on(f"What was measured is kept. Go on with: {again}", f"When that is fixed: {again}")
    try:
        _tune(p, config, out, file)
    except (TaskFailed, NothingTrained, UnknownTask, MissingPackage) as error:
        if "resume" not in given and not file.trials:
            file.close()
            remove_unbegun(out, STUDY)
        p.error(str(error))
    except ChangedTask as error:
        p.error(f"argument --resume: {error}")
    except Moved as error:
        print(f"nos-tune: {error} {error.kept}", file=sys.stderr)
        return 1
    finally:
        file.close()
    return 0


# -- Which tuning ----------------------------------------------------------------------------------


def _open_new(p: Parser, given) -> OpenTuning:
    if not given.get("rule"):
        p.error("argument RULE: is needed, unless there is --resume RUN.")
    start, searched = _find_start(p, given)
    config = flags.configure(TuneConfig, {**searched, **given})
    config.check_task(p)
    known = find_known_setting(start)
    _find_plan(p, config, known)
    out = given.get("out", Path("runs"))
    if os.path.lexists(out) and not out.is_dir():
        p.error(f"argument --out: {out} is not a directory. Give another one.")
    is_new = "out" not in given or not out.exists()
    try:
        out = given.get("out") or make_directory(f"tune-{config.task.replace(':', '.')}-seed{config.seed}")
        require_free(p, out, "the tuning", [TUNED], resumes=OF_TUNING)
        out.mkdir(parents=True, exist_ok=True)
        create(out / STUDY, record(config), start.rule, known)
        return OpenTuning(config, out, StudyFile(out / STUDY))
    except (FileExistsError, InUse):  # another process was faster
        p.error(f"argument --out: {out} holds a tuning of nos-tune that has just begun. Give another directory.")
    except (OSError, Damaged, sqlite3.Error) as error:
        if is_new:
            with contextlib.suppress(OSError):  # if it is not empty
                out.rmdir()
        p.error(f"argument --out: cannot write to {out}: {error}. Give another directory.")


def _open_old(p: Parser, given) -> OpenTuning:
    out = given["resume"]
    if "out" in given:
        p.error("argument --out: not allowed with --resume: a resumed tuning stays in its directory.")
    with explain_no_resume(p, out, "a tuning"):
        require_own_files(out)
        file = StudyFile(out / STUDY)
    try:
        check_recorded(TuneConfig, file.config)
        config = changed_on_resume(p, TuneConfig, given, file.config, is_made_here(file.origin, out))
        config.check_task(p, "Go on where its module is." if is_own(config.task) else "")
        plan = _find_plan(p, config, file.known)
        protocol = config.find()[1]
        if file.trials:
            tunables, _ = find_space(file.rule, protocol, file.known, file.scale)
            check_trials(file.trials, tunables, find_trial_steps(protocol))
            _require_what_was_spent(p, config, plan, file)
        file.set_config(record(config))
        return OpenTuning(config, out, file)
    except BaseException as error:  # however the command ends, it releases the file at once
        file.close()
        if isinstance(error, (Damaged, Moved)):
            p.error(f"argument --resume: {out} is not a tuning: {error}")
        raise


def _find_start(p: Parser, given) -> tuple[Start, dict[str, Any]]:
    """The rule that is given; and, of RUN#K without a task, the task and the protocol of that run."""
    try:
        start, run = find_rule(given["rule"], given.get("task", "")), find_run(given["rule"])
        if run is None or "task" in given:
            return start, {}
        with contextlib.closing(Ledger(run / LEDGER, read_only=True)) as ledger:
            check_recorded(SearchConfig, ledger.run.config)
            searched = complete(SearchConfig, ledger.run.config)
    except (OSError, UserError, sqlite3.Error) as error:
        p.error(f"argument RULE: {error}")
    if len(searched["task"]) > 1:
        p.error(f"argument --task: is needed, because {run} searched on several: {' '.join(searched['task'])}.")
    return start, {"task": searched["task"][0], "protocol": searched["protocol"]}


def _find_plan(p: Parser, config, known) -> Plan:
    _, protocol = config.find()
    steps = config.budget or find_default_steps(protocol)
    plan = Plan(steps, config.seed, choose_fresh_seeds(config.seeds, protocol), known)
    try:
        check_steps(protocol, plan)
    except ValueError as error:
        p.error(f"argument --budget: {str(error).removeprefix('Argument `steps` ')}")
    return plan


def _require_what_was_spent(p, config, plan, file):
    """Refuses a budget that the tuning exceeds already, or exceeds with the fresh seeds of its best trials."""
    task, protocol = config.find()
    objective = TaskObjective(task, protocol, config.reward, config.data_dir)  # trains nothing here
    spent, owed = count_spent(file, protocol), count_owed(objective, file.rule, protocol, plan, file)
    if plan.steps < spent + owed:
        p.error(
            f"argument --budget: must be at least {spent + owed}: the tuning spent {spent} steps, and the "
            f"fresh seeds of its best settings still need {owed}. Received: {plan.steps}."
        )


# -- The work --------------------------------------------------------------------------------------


def _tune(p, config, out, file):
    task, protocol = config.find()
    plan = _find_plan(p, config, file.known)
    describe, in_place = Describer(), file.require_in_place
    where = config.data_dir, out / TRACEBACKS, in_place
    prepared = prepare_task("nos-tune", task, protocol, describe, *where, find_trial_steps(protocol))
    record_fingerprint(file, prepared.fingerprint, "begin a new tuning")
    _note_versions(file)
    what = f"{config.task}/{config.protocol}, {config.reward}"
    print(f"Tuning {file.rule.formula()} on {what}, {plan.steps} steps, seed {plan.seed} -> {out}", flush=True)
    if file.known is not None:
        print(f"The first trial uses the setting that is known for this rule: {_describe(file.known)}.", flush=True)
    objective = TaskObjective(prepared.task, protocol, config.reward, config.data_dir)
    with contextlib.ExitStack() as stack:
        stack.enter_context(keep_tracebacks(objective, out / TRACEBACKS, in_place))
        bar = stack.enter_context(ProgressBar(plan.steps, "steps", count_spent(file, protocol)))

        def watch(steps, note):
            bar.note(note)
            bar.advance(max(0, steps - bar.done))

        result = carry_out(objective, file.rule, protocol, plan, file, watch)
    file.require_in_place()  # otherwise the result would be written to the old place
    metric = find_metric(config.task, file.fingerprint, config.reward)
    text = format_result(result, what, protocol.final_steps, metric)
    write_whole(out / TUNED, lambda unfinished: unfinished.write_text(f"{text}\n"))
    print(f"\n{text}\n\nKept in {out}")


def _note_versions(file):
    """Records the versions of the software, and says so if they changed since the tuning ran last."""
    before, now = file.versions[-1], find_versions()
    file.add_versions(now)
    if changes := describe_changes(before, now):
        result = "the result may differ from that of a tuning with one version"
        print(f"nos-tune: the software changed since this tuning ran last ({changes}): {result}.", file=sys.stderr)


def _describe(setting):
    rate, decay = write_number(setting.learning_rate), write_number(setting.weight_decay)
    return f"learning rate {rate}, {setting.schedule}, weight decay {decay}"


if __name__ == "__main__":
    sys.exit(main())
