"""A run of `nos-search`, from its workers to its leaderboard."""

import contextlib
import time
from pathlib import Path
from typing import Optional

import tensorflow as tf

from neural_optimizer_search import flags
from neural_optimizer_search.command_line import quote
from neural_optimizer_search.files import write_whole
from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.joint import make_joint_bar
from neural_optimizer_search.measuring.racing import make_bar
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.progress import ProgressBar, write_above_bar
from neural_optimizer_search.records.roles import BASELINE
from neural_optimizer_search.records.run_directory import (
    CONTROLLER,
    LEADERBOARD,
    TENSORBOARD,
    TRACEBACKS,
)
from neural_optimizer_search.search.alike import record_descent
from neural_optimizer_search.search.anchors import describe_scales, open_anchors, record_anchors
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.config import NO_CACHE, SearchConfig
from neural_optimizer_search.search.constants import Rounds, describe_no_round
from neural_optimizer_search.search.cost import describe_cost
from neural_optimizer_search.search.description_table import describe_duration
from neural_optimizer_search.search.ended import describe_end, forget_end, note_end
from neural_optimizer_search.search.estimate import guess_fresh_seconds
from neural_optimizer_search.search.fresh import FreshSeeds, choose_contenders, choose_seeds
from neural_optimizer_search.search.known_optimizers import require_reward
from neural_optimizer_search.search.leaderboard import format_leaderboard
from neural_optimizer_search.search.limits import find_spent
from neural_optimizer_search.search.loop import rewind, search
from neural_optimizer_search.search.prepared import prepare_search
from neural_optimizer_search.search.progress import (
    RuleBar,
    describe_cached,
    describe_counts,
    describe_steps,
    write_scalars,
)
from neural_optimizer_search.search.ranking import make_screen, read_probes, read_ranking
from neural_optimizer_search.search.recipes import Recipe
from neural_optimizer_search.search.recorder import EvaluationRecorder, pass_every_rule
from neural_optimizer_search.search.registry import (
    SearchSetting,
    find_algorithm,
    title_of,
)
from neural_optimizer_search.search.score_words import choose_words, describe_reward
from neural_optimizer_search.search.snippet import explain_file
from neural_optimizer_search.search.standing import Standing
from neural_optimizer_search.search.start import Started, count_batches, describe_start
from neural_optimizer_search.search.timeout import find_timeout
from neural_optimizer_search.search.tracebacks import keep_tracebacks
from neural_optimizer_search.versions import find_versions
from neural_optimizer_search.workers.executor import Ask, TaskFailed

A_RUN = "--resume RUN"  # in a table, which does not know the directory of its run
CHANGED_TASK = "begin a new run; --changed_task continues anyway, and keeps the earlier rewards"
# With --async: one in progress and one in the queue, so that no worker is ever idle.
RULES_PER_WORKER = 2


def run_search(
    config: SearchConfig, out: Path, ledger: Ledger, may_change: bool = False, recipe: Optional[Recipe] = None
) -> None:
    """Runs or continues a search to its end, and prints and writes its leaderboard.

    Args:
      config: The flags of the search.
      out: The directory of the run.
      ledger: The ledger of the run.
      may_change: Whether a resumed run goes on although the user's task has changed.
      recipe: The `Recipe` whose cost is told before the search; None for none.
    """
    prepared = prepare_search(config, ledger, out / TRACEBACKS, CHANGED_TASK, may_change)
    protocol = prepared.protocol
    with contextlib.ExitStack() as stack:
        executor = stack.enter_context(config.open_executor(prepared.task, protocol, config.data_dir))
        ledger.run.add_versions(find_versions())
        screen = make_screen() if config.screens else pass_every_rule
        start = ledger.run.start
        _announce(config, out, start, screen, executor)
        if recipe:
            _tell_cost(config, executor.workers, len(start), recipe)
        stack.enter_context(keep_tracebacks(executor, out / TRACEBACKS, ledger.require_in_place))
        anchors = _open_anchors(executor, ledger, config, screen) if prepared.is_joint else None
        cache = _open_cache(config, prepared.identity(anchors), screen, stack)
        joins_alike = config.joins_alike and _record_descent(executor, ledger)
        probes = read_probes(ledger)
        behaviours = Behaviours(probes) if joins_alike else None
        standing = Standing(behaviours, protocol.racing, make_joint_bar if anchors else make_bar)
        measure = Ask(arguments={"scales": anchors.scales} if anchors else {})
        recorder = EvaluationRecorder(executor, ledger, screen, cache, standing=standing, measure=measure)
        known = _measure_known_optimizers(config.known_optimizers, recorder, ledger)
        executor.timeout = config.timeout or find_timeout(known)
        if config.batches_ahead:
            rewind(ledger)
        algorithm = _make_algorithm(config, out, ledger, known, protocol)
        if config.minutes:
            print(_describe_time(config, known, executor.workers), flush=True)
        given = {screen(one.rule).key: one for one in start if one.tuned}
        rounds = Rounds(config.tuning, protocol, recorder, standing, ledger, known, config.seed, given)
        forget_end(ledger)
        is_whole = _search(config, out, algorithm, recorder, ledger, rounds)
        _measure_fresh(config.fresh_seeds, protocol, executor, ledger, probes)
        if is_whole:
            note_end(config, ledger)
    _report(out, ledger, config, probes)


def _announce(config, out, start, screen, executor):
    """Prints what is searched, with which algorithm, and from which rules."""
    space, who = config.make_space(), title_of(config.algorithm, config.preset)
    print(
        f"{who} over {space.title} ({_count(space.size)} strings), {' + '.join(config.task)}/"
        f"{config.protocol}, seed {config.seed}, "
        f"{executor.title} -> {out}",
        flush=True,
    )
    if start:
        tunes = find_algorithm(config.algorithm).tries_settings or bool(config.tuning.share)
        print(describe_start(start, space, screen, tunes), flush=True)
        if config.start is None:
            default = " ".join(map(quote, config.starts_with))
            print(f"That is --start {default}, the default for a task of your own. For none: --start none")


def _tell_cost(config, workers, start, recipe):
    print("Trains for a few steps to estimate the cost of the search.", flush=True)
    try:
        print(describe_cost(config, workers, start, recipe.cost), flush=True)
    except TaskFailed as error:  # the workers of a cluster may have data that are not here
        _say(f"the cost is unknown, because the task cannot be trained here: {error}")


def _count(size):
    return f"{size:,.0f}" if size < 1e6 else f"{size:.2g}"


def _open_anchors(executor, ledger, config, screen):
    """Returns the `Anchors`, and prints one line per task."""
    if not ledger.run.anchors:
        print("Several tasks: tuned SGD and tuned Adam come first, for the scores 0 and 1 on each.", flush=True)
    with _starting_bar(executor, not ledger.run.anchors) as on_wait:
        anchors = open_anchors(executor, ledger, config.task, on_wait)
    record_anchors(anchors, config.known_optimizers.values(), screen, ledger)
    print("\n".join(describe_scales(anchors)), flush=True)
    return anchors


def _record_descent(executor, ledger):
    """Records the first gradients of the task; returns whether they distinguish rules."""
    with _starting_bar(executor, ledger.run.descent is None) as on_wait:
        is_recorded = record_descent(executor, ledger, on_wait)
    if not is_recorded:
        _say("the first gradients of the task are not finite, so rules that behave alike do not count as one.")
    return is_recorded


@contextlib.contextmanager
def _starting_bar(executor, is_needed):
    """Shows a bar while the workers start for their first request; yields its `on_wait`."""
    if not is_needed:
        yield lambda work: None
        return
    with ProgressBar(1, f"start of {count_of(executor.workers, 'worker')}") as bar:
        yield bar.wait_for
        bar.note("")
        bar.advance()


def _measure_known_optimizers(optimizers, recorder, ledger):
    before = ledger.evaluations(BASELINE)
    best = max((e.reward for e in before), default=0.0)
    with RuleBar(len(optimizers), "known optimizers", len(before), best, counts_cached=True) as bar:
        recorder.on_evaluation, recorder.on_wait = bar.show, bar.wait_for
        known = recorder(optimizers.values(), role=BASELINE)
    require_reward(dict(zip(optimizers, known)))
    return known


def _describe_time(config, known, workers):
    """The work that comes on top of the minutes, in a sentence."""
    steps = sum(protocol.final_steps for _, protocol in config.find_each())
    fresh = guess_fresh_seconds(known, steps, config.fresh_seeds, workers)
    about = f", about {describe_duration(fresh)}" if fresh else ""
    more = f" and the trainings with fresh seeds{about}" if config.fresh_seeds else ""
    return f"The minutes ({config.minutes:g}) begin now. Not included: rules in training when they end{more}."


def _make_algorithm(config, out, ledger, known, protocol):
    """The algorithm, wrapped to begin with the start rules unless it does so itself."""
    entry, start = find_algorithm(config.algorithm), ledger.run.start
    given = [] if entry.tries_settings else [one.rule for one in start]
    sizes = BatchSizes(config.batch_size, ledger.run.earlier_batch_sizes).after(count_batches(given))
    place = config.make_space(), config.preset, config.seed, out / CONTROLLER
    algorithm = entry.make(SearchSetting(*place, ledger, known, protocol, start, sizes))
    return Started(algorithm, given) if given else algorithm


def _search(config, out, algorithm, recorder, ledger, rounds):
    """Runs the search; returns whether nothing would be left to do with more time."""
    ahead = RULES_PER_WORKER * recorder.executor.workers if config.asynchronous else 0
    writer = tf.summary.create_file_writer(str(out / TENSORBOARD))
    with RuleBar(config.budget, "rules", recorder.trained, recorder.best) as bar:
        recorder.on_evaluation, recorder.on_wait = bar.show, bar.wait_for
        began, before = time.monotonic(), recorder.trained
        if config.limits.given.keys() == {"minutes"}:
            bar.end_by(began, 60 * config.minutes)
        for step in search(algorithm, recorder, ledger, config.limits, ahead, rounds, config.batches_ahead):
            write_scalars(writer, step, algorithm.metrics)
            bar.count(ledger.counts())
            bar.approach(config.limits, find_spent(recorder, began), before, algorithm.share)
        reached = config.limits.find_reached(find_spent(recorder, began))
    if reached:
        is_idle = before > 0 and recorder.trained == before
        print(describe_end(config.limits, reached, is_idle))
    elif rounds.is_over:
        print(f"The search ended: too few of {config.limits.describe('steps')} are left for a whole round of tuning.")
    elif algorithm.share is None or algorithm.share < 1:
        print(f"Stopped at {recorder.trained} rules: {config.algorithm} proposes only what it has seen.")
    return reached not in (None, "minutes") and not rounds.is_due


def _measure_fresh(count, protocol, executor, ledger, probes):
    if not count:
        return
    contenders = choose_contenders(read_ranking(ledger, probes))
    fresh = FreshSeeds(executor, ledger, contenders, choose_seeds(count, protocol.seeds))
    with RuleBar(len(contenders), "rules with fresh seeds", fresh.done, fresh.best) as bar:
        fresh.measure(bar.show, bar.wait_for)


def _open_cache(config, identity, screen, stack):
    if config.cache == NO_CACHE or identity is None:
        return None
    cache = EvaluationCache(Path(config.cache), identity, lambda rule: screen(rule).key, _say)
    return stack.enter_context(contextlib.closing(cache))


def _say(sentence):
    write_above_bar(f"nos-search: {sentence}")


def _report(out, ledger, config, probes):
    ledger.require_in_place()  # otherwise the leaderboard would be written to the run's former place
    words = choose_words(flags.tell(config.task), ledger.run.anchors, ledger.run.fingerprint, ledger.run.task_changes)
    if not ledger.run.anchors:
        words = words._replace(note=f"{words.note}\n{describe_reward(config.find()[1].reward)}")
    ranking = read_ranking(ledger, probes)
    table = format_leaderboard(ranking, words, _find_final_steps(config, ranking))
    write_whole(out / LEADERBOARD, lambda unfinished: unfinished.write_text(f"{table}\n"))
    counts, steps = ledger.counts(), ledger.count_steps()
    cached = sum(e.cached for e in ledger.evaluation_rows(BASELINE))
    notes = [describe_no_round(config.tuning, config.find()[1], steps)]
    lines = [f"{describe_counts(counts)}{describe_cached(cached)}{describe_steps(steps)}", *filter(None, notes)]
    print("\n".join(["", table.replace(A_RUN, f"--resume {quote(out)}"), "", *lines, f"Kept in {out}"]))
    print(f"As a page to look at: nos-report {quote(out)}")
    if any(one.evaluation.status == "ok" for one in ranking.found):
        print(f"Rule 1 {explain_file(quote(f'{out}#1'))}")


def _find_final_steps(config, ranking):
    """Steps of a training on the task; of several tasks, on the one measured first."""
    steps = {task.name: protocol.final_steps for task, protocol in config.find_each()}
    return next((steps[task] for task in (*ranking.tasks, *steps) if task in steps), 1)
