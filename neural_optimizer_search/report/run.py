"""A search as recorded in its ledger. Every row is checked; rows that pages do not show stay in a copy of it."""

import contextlib
import dataclasses
import functools
import itertools
import os
import sqlite3
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from neural_optimizer_search import flags
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.measuring.probe import Probe
from neural_optimizer_search.recorded_flags import complete
from neural_optimizer_search.records.ledger import Ledger, Sample
from neural_optimizer_search.records.roles import TUNED
from neural_optimizer_search.records.rows import Tuning
from neural_optimizer_search.records.run_directory import LEDGER, say_no_search
from neural_optimizer_search.records.stored import Joined
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.columns import EvaluationFigures, History, Ranked
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.ranking import (
    LOOKS,
    Contender,
    KnownOptimizer,
    Ranking,
    make_ranking,
    read_known_optimizers,
    read_probes,
)
from neural_optimizer_search.search.score_words import ScoreWords, choose_words
from neural_optimizer_search.user_error import UserError


class NotARun(UserError):
    """There is no search in the given directory, or it is damaged; the message names the place and the cause."""


@dataclass(frozen=True)
class RecordedSearch:
    """A search, finished or not.

    Attributes:
      place: The directory, as it was given.
      name: The directory's name.
      config: What `nos-search` recorded about the search.
      found: The `Evaluation`s of proposed rules, in the order in which they were proposed first.
      baselines: The known optimizers, in the order in which the search names them.
      samples: All proposals, in order; for an unfinished step, only the measured ones.
      counts: Number of samples and their outcomes, as `Ledger.counts()` gives them.
      versions: Software versions that the search used, one dict for each change.
      fingerprint: Fingerprint of a user's own task, if it was recorded.
      task_changes: Changes of that task during the run, in words.
      earlier_batch_sizes: Batch sizes before each change: see `RunTable.earlier_batch_sizes`.
      fresh: Evaluations of rules and known optimizers with seeds that the search never saw, by their keys.
      alike: Number of rules that share the evaluation of another rule, which behaves alike, by its key.
      probes: The recorded descents that distinguish rules.
      anchors: What defines the scores on several tasks: the evaluations of tuned SGD and of tuned Adam.
      tuned: The `Evaluation`s of rules with tuned constants.
      tunings: The rounds of tuning that found these.
      has_ended: Whether the search has recorded that it did everything that its flags ask for.
    """

    place: Path
    name: str
    config: dict[str, Any]
    found: Sequence[Evaluation]
    baselines: list[KnownOptimizer]
    samples: Sequence[Sample]
    counts: dict[str, int]
    versions: tuple[dict[str, str], ...] = ()
    fingerprint: Optional[Fingerprint] = None
    task_changes: tuple[str, ...] = ()
    earlier_batch_sizes: tuple[tuple[int, Optional[int]], ...] = ()
    fresh: Mapping[str, Evaluation] = dataclasses.field(default_factory=dict)
    alike: Mapping[str, int] = dataclasses.field(default_factory=dict)
    probes: Sequence[Probe] = ()
    anchors: Sequence[Evaluation] = ()
    tuned: Sequence[Evaluation] = ()
    tunings: Sequence[Tuning] = ()
    has_ended: bool = False

    @property
    def score_words(self) -> ScoreWords:
        """The name and the explanation of the score that is shown next to the reward."""
        task = flags.tell(self.config.get("task", ""))
        return choose_words(task, self.anchors, self.fingerprint, self.task_changes)

    @property
    def final_steps(self) -> int:
        """Gradient steps of a training with a fresh seed that did not diverge; 1 if there is none.

        Of several tasks, on the one measured first.
        """
        trained = [e.parts[0] if e.parts else e for e in self.fresh.values()]
        return max((one.steps // max(1, len(one.rewards)) for one in trained), default=0) or 1

    @functools.cached_property
    def measured(self) -> EvaluationFigures:
        """The outcomes of all proposed rules."""
        return EvaluationFigures(self.found)

    @functools.cached_property
    def history(self) -> History:
        """The measured samples and the rules with tuned constants."""
        steps = {tuning.key: tuning.step for tuning in self.tunings}
        tuned = [(steps[e.key], e) for e in self.tuned if e.key in steps]
        return History(self.samples, self.measured.stopped, {e.key for _, e in self.baselines}, tuned)

    @functools.cached_property
    def top(self) -> Ranked:
        """The rules that were measured and that work, the best first."""
        return Ranked(self.found, self.measured.working, self.measured.rewards)

    @functools.cached_property
    def ranking(self) -> Ranking:
        """The distinct rules among the best, and the known optimizers, in the order of the leaderboard."""
        known = {name: e.rule for name, e in self.baselines}
        optimizers = [e for _, e in self.baselines]
        best = self.top.places[:LOOKS]
        # Stopped rules have no rank, but count among those that behave like a better one.
        stopped = Ranked(self.found, self.measured.halted, self.measured.rewards).places[: LOOKS - len(best)]
        found = [self.found[place] for place in sorted([*best, *stopped])]
        return make_ranking(found, optimizers, known, self.probes, self.fresh, self.alike, self.tuned)

    def find_form(self, e: Evaluation) -> Optional[Evaluation]:
        """The evaluation of a ranked rule as it was proposed, before tuning; None if that is not among the best."""
        return self._forms.get(e.form) if e.form else e

    @functools.cached_property
    def _forms(self) -> dict[str, Evaluation]:
        best = self.top[:LOOKS]
        wanted = {e.form for e in (*self.tuned, *best)}
        return {e.key: e for e in (*best, *(e for _, e in self.baselines)) if e.key in wanted}

    def shorten(self, one: Contender) -> Rule:
        """The shortest rule that behaves like one of the ranking; the result is cached."""
        key = one.evaluation.key
        if key not in self._shortest:
            self._shortest[key] = self.ranking.shorten(one)
        return self._shortest[key]

    @functools.cached_property
    def _shortest(self) -> dict[str, Rule]:
        return {}

    def look_at_all(self) -> None:
        """Reads and so checks every row once, to find damage before a page is written."""
        for name in ("measured", "history"):
            getattr(self, name)

    @property
    def is_finished(self) -> Optional[bool]:
        """Whether the search did everything that its flags ask for; None if this cannot be told.

        Without a recorded end, it has when a budget of rules or of gradient steps is spent. If `--minutes` ended it,
        it may still be continued.
        """
        if self.has_ended:
            return True
        others = sum(e.steps for _, e in self.baselines if not e.cached) + sum(one.steps for one in self.tunings)
        spent = {"budget": self.counts["trained"], "steps": sum(self.measured.steps.values(), others)}
        limits = {name: self.config[name] for name in spent if isinstance(self.config.get(name), int)}
        if any(spent[name] >= limit for name, limit in limits.items()):
            return True
        return None if not limits or self.config.get("minutes") or self.config.get("patience") else False


def read(place: Union[str, Path]) -> RecordedSearch:
    """Reads the search in a directory.

    Args:
      place: The directory. A search may be writing there.

    Returns:
      The `RecordedSearch`.

    Raises:
      NotARun: If there is no search, or its ledger is damaged or from another release.
    """
    place = Path(place)
    try:
        with contextlib.ExitStack() as stack:
            ledger = stack.enter_context(contextlib.closing(Ledger(place / LEDGER, read_only=True)))
            run = RecordedSearch(
                place=place,
                name=os.path.basename(os.path.realpath(place)),
                config=ledger.run.config,
                found=ledger.found_rows(),
                baselines=read_known_optimizers(ledger),
                samples=Joined(ledger.sample_rows(only_proposed=True), ledger.unfinished_rows()),
                counts=ledger.counts(),
                versions=tuple(ledger.run.versions),
                fingerprint=ledger.run.fingerprint,
                task_changes=tuple(ledger.run.task_changes),
                earlier_batch_sizes=ledger.run.earlier_batch_sizes,
                fresh=_keep_drawable(ledger.fresh_evaluations()),
                alike=ledger.count_alike(),
                probes=read_probes(ledger),
                anchors=ledger.run.anchors,
                tuned=ledger.evaluations(TUNED),
                tunings=ledger.tunings(),
                has_ended=bool(ledger.run.end),
            )
            run.look_at_all()
            weakref.finalize(run, stack.pop_all().close)
            return run
    except FileNotFoundError as error:
        raise NotARun(say_no_search(place, error)) from None
    except (OSError, sqlite3.OperationalError) as error:
        raise NotARun(f"{place} cannot be read now: {error}") from error
    except (Damaged, sqlite3.Error) as error:
        raise NotARun(f"{place} is not a run that can be read: {error}") from error


def _keep_drawable(fresh):
    """Keeps the evaluations whose numbers can be drawn: a foreign ledger may contain anything."""
    drawn = {key: [*e.rewards, *itertools.chain(*e.curves)] for key, e in fresh.items() if e.rewards}
    return {key: fresh[key] for key, numbers in drawn.items() if all(map(is_plottable, numbers))}


# -- The command that reproduces it ----------------------------------------------------------------


def reproduction(config: Mapping[str, Any]) -> str:
    """The command that reproduces the run, from its recorded configuration.

    Example:
      >>> from neural_optimizer_search.report.run import reproduction
      >>> recorded = {"task": "my module:task", "depth": 2, "unconstrained": True, "workers": None}
      >>> now = dict.fromkeys(["alike", "racing", "start", "constants", "pipeline"])  # it has none: it is of before
      >>> reproduction({**recorded, **now, "baselines": "adam,lion", "fresh_seeds": 10})
      "nos-search --task 'my module:task' --baselines adam,lion --depth 2 --unconstrained --fresh_seeds 10"
    """
    return flags.command("nos-search", SearchConfig, complete(SearchConfig, config))
