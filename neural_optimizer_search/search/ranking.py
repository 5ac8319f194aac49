"""Ranks the rules that a search found, each behaviour once and best first, and the known optimizers."""

import collections
import contextlib
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.behaviour import Behaviours, Likeness
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation, name_tasks
from neural_optimizer_search.measuring.probe import Probe
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.measuring.simplify import simplify
from neural_optimizer_search.recorded_flags import complete
from neural_optimizer_search.records.ledger import SEARCH, Ledger
from neural_optimizer_search.records.roles import BASELINE, TUNED
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.intervals import Interval, find_interval, find_probability
from neural_optimizer_search.search.known_optimizers import (
    BaselineConfig,
    find_known_optimizers,
    name_known_optimizer,
)
from neural_optimizer_search.user_error import UserError

SHOWN = 10  # rules that are measured with fresh seeds, and that tables show
FRESH_SEEDS = 10  # number per rule, by default
NO_FRESH_SEEDS = (
    "No fresh seeds: these rewards are optimistically biased. "
    f"For a verdict: nos-search --resume RUN --fresh_seeds {FRESH_SEEDS}"
)
# No two shown rules behave as much alike as this: the last finds of a search are neighbours of its best rules, and
# ten of these are all the same to a user. Rules near a known optimizer are left out only if they behave like it.
DIFFERENT = Likeness(probe=0.95, task=0.95)
LOOKS = 2000  # number of best rules that are distinguished by their behaviours: a millisecond each


class KnownOptimizer(NamedTuple):
    """A known optimizer, measured like the rules of the search.

    Attributes:
      name: Its name in tables, such as "Adam".
      evaluation: Its `Evaluation`.
    """

    name: str
    evaluation: Evaluation


@dataclass(frozen=True)
class Contender:
    """A rule of a ranking.

    Attributes:
      name: Its name in tables: that of a known optimizer, or the formula of another rule.
      evaluation: The search's evaluation; with tuned constants, if these give a higher reward.
      fresh: Its evaluation with seeds that the search never saw; None if there is none.
      alike: Number of found rules that behave like it.
      place: Its rank in the search, from 1; 0 for a known optimizer.
    """

    name: str
    evaluation: Evaluation
    fresh: Optional[Evaluation] = None
    alike: int = 0
    place: int = 0

    @property
    def rule(self) -> Rule:
        """The rule, as it was measured."""
        return self.evaluation.rule

    @property
    def last(self) -> Evaluation:
        """The most informative evaluation: with fresh seeds, if there is one."""
        return self.fresh or self.evaluation

    @property
    def interval(self) -> Optional[Interval]:
        """The mean with fresh seeds and its 95 % interval; None without fresh seeds; only the mean if it diverged.

        Rewards are not normally distributed if some of them are 0.
        """
        if self.fresh is None:
            return None
        interval = find_interval(self.fresh.rewards)
        return interval if self.fresh.status == "ok" else interval._replace(half=None)

    @property
    def diverged(self) -> str:
        """How often it diverged with fresh seeds, in words; "" if it did not."""
        if self.fresh is None or self.fresh.status != "diverged":
            return ""
        if parts := [part for part in self.fresh.parts if part.status != "ok"]:
            return "diverged " + ", ".join(f"{_count_zeros(part.rewards)} on {part.task}" for part in parts)
        return f"diverged {_count_zeros(self.fresh.rewards)}"


def _count_zeros(rewards):
    return f"in {sum(not reward for reward in rewards)} of {len(rewards)}"


@dataclass(frozen=True)
class Ranking:
    """The results of a search, in the order of its leaderboard.

    Attributes:
      found: Rules that behave differently from each other and from the known optimizers. The first `SHOWN` by the
        search's reward come first, by their rewards with fresh seeds if there are any; the others follow by the
        search's reward; rules that did not train to the end are last.
      known: The known optimizers, in the same order.
      probes: The recorded descents that distinguish rules.
    """

    found: tuple[Contender, ...]
    known: tuple[Contender, ...]
    probes: tuple[Probe, ...] = ()

    @property
    def reference(self) -> Optional[Contender]:
        """The best known optimizer by fresh seeds; None if none was measured with any."""
        return self.known[0] if self.known and self.known[0].fresh else None

    @functools.cached_property
    def tasks(self) -> list[str]:
        """The tasks with separate scores, in the order of measurement; none if there is a single task."""
        return name_tasks(one.evaluation for one in (*self.known, *self.found))

    @property
    def compared(self) -> int:
        """The number of found rules that were measured with fresh seeds."""
        return sum(one.fresh is not None for one in self.found)

    def find_probability(self, contender: Contender, other: Optional[Contender] = None) -> Optional[float]:
        """The probability that a rule is better than another, by the fresh seeds that both have: see `intervals`.

        Args:
          contender: The rule.
          other: The other one; None for `reference`.

        Returns:
          The probability; None if one of them has no fresh seeds, or both have fewer than two in common.
        """
        other = other or self.reference
        if contender.fresh is None or other is None or other.fresh is None:
            return None
        own, others = (dict(zip(fresh.seeds, fresh.rewards)) for fresh in (contender.fresh, other.fresh))
        return find_probability([own[seed] - others[seed] for seed in own if seed in others])

    def shorten(self, contender: Contender) -> Rule:
        """The shortest rule that behaves like this one and passes the screen."""
        if not self.probes:
            return contender.rule
        screen, own = make_screen(), Behaviours(self.probes)
        own.add("", contender.rule)

        def is_alike(rule):
            # By rounding alone, a constant may behave like such a rule, although it trains nothing.
            return own.find(rule) is not None and screen(rule).rule is not None

        return simplify(contender.rule, is_alike)


@functools.cache
def make_screen() -> Screen:
    """The `Screen` of a search and of its ranking; made once, because its probe keeps the behaviours of rules."""
    return Screen()


def make_ranking(
    found: Iterable[Evaluation],
    known: Sequence[Evaluation],
    names: Mapping[str, Rule],
    probes: Sequence[Probe] = (),
    fresh: Optional[Mapping[str, Evaluation]] = None,
    alike: Optional[Mapping[str, int]] = None,
    tuned: Iterable[Evaluation] = (),
) -> Ranking:
    """Creates the `Ranking` of evaluations. Among equal ones, the first given comes first.

    Args:
      found: Evaluations of rules that were proposed; those that were stopped have only estimates, and no rank. Those
        with a `form` belong to a known optimizer with tuned constants.
      known: Evaluations of the known optimizers.
      names: The rules of the known optimizers, by name.
      probes: Recorded descents that distinguish rules; if there are none, all rules count as different.
      fresh: Evaluations with fresh seeds, by key.
      alike: Number of rules that took over an evaluation because they behave alike, by its key.
      tuned: Evaluations of these rules with tuned constants. A rule is ranked by its best evaluation, and has the
        behaviour of its form.
    """
    found = list(found)
    fresh, best = fresh or {}, _find_best_tuned([*tuned, *(e for e in found if e.form)])
    found = [e for e in found if not e.form]

    def choose(form):
        return max(form, best.get(form.key, form), key=lambda e: e.reward)

    leaders, counts = _group(found, known, probes, alike or {}, choose)

    def make(form, name="", place=0):
        evaluation = choose(form)
        # The search may have had a smaller budget when it measured fresh seeds, and then other rules were the best.
        of_fresh = fresh.get(evaluation.key) if place <= SHOWN else None
        return Contender(name or evaluation.rule.formula(), evaluation, of_fresh, counts[form.key], place)

    contenders = [make(e, place=place) for place, e in enumerate(leaders, 1) if e.status != "stopped"]
    optimizers = [make(e, name_known_optimizer(e.rule, names)) for e in known]
    return Ranking(tuple(sorted(contenders, key=_order)), tuple(sorted(optimizers, key=_order)), tuple(probes))


def _order(contender):
    evaluation = contender.evaluation
    return contender.fresh is None, evaluation.status != "ok", -contender.last.reward, -evaluation.reward


def _find_best_tuned(tuned):
    """The best evaluation of each form that was tuned, by the form's key; among equal ones, the first by key."""
    best = {}
    for evaluation in sorted((e for e in tuned if e.status == "ok"), key=lambda e: (-e.reward, e.key)):
        best.setdefault(evaluation.form, evaluation)
    return best


def _group(found, known, probes, alike, choose):
    """The best rule of each behaviour, without known optimizers, best first; how many rules are like each, by key."""
    of_known, shown, leaders = Behaviours(probes), Behaviours(probes, DIFFERENT), []
    counts = collections.Counter({e.key: alike.get(e.key, 0) for e in known})
    for evaluation in known:
        of_known.add(evaluation.key, evaluation.rule)
    best_first = sorted(found, key=lambda e: (e.status != "ok", -choose(e).reward))
    for place, evaluation in enumerate(best_first):
        # A rule that could not be measured says nothing about another rule.
        apart = not probes or place >= LOOKS or evaluation.status in FAILURES
        leader = None if apart else of_known.find(evaluation.rule) or shown.find(evaluation.rule)
        if leader is None:
            leaders.append(evaluation)
            if not apart:
                shown.add(evaluation.key, evaluation.rule)
        counts[leader or evaluation.key] += alike.get(evaluation.key, 0) + (leader is not None)
    return leaders, counts


def read_ranking(ledger: Ledger, probes: Optional[Sequence[Probe]] = None) -> Ranking:
    """The `Ranking` of what a search has recorded so far, or of a promotion, whose rules have all been chosen.

    Args:
      ledger: The ledger.
      probes: What `read_probes` returned for it before, so that no behaviour is computed twice.

    Raises:
      Damaged: If a row is damaged.
    """
    known = read_known_optimizers(ledger)
    names = {name: e.rule for name, e in known}
    probes = read_probes(ledger) if probes is None else probes
    fresh, alike, tuned = ledger.fresh_evaluations(), ledger.count_alike(), ledger.evaluations(TUNED)
    return make_ranking(ledger.found_rows(), [e for _, e in known], names, probes, fresh, alike, tuned)


def read_known_optimizers(ledger: Ledger) -> list[KnownOptimizer]:
    """The known optimizers that a run measured, in the order in which it names them; others come last."""
    names = name_baselines(ledger)
    listed = list(names.values())

    def find_place(e):
        # Of those that it does not name, chance decides which is measured first if there are many workers.
        return listed.index(e.rule) if e.rule in listed else len(listed), e.key

    measured = sorted(ledger.evaluations(BASELINE), key=find_place)
    return [KnownOptimizer(name_known_optimizer(e.rule, names), e) for e in measured]


def read_probes(ledger: Ledger) -> list[Probe]:
    """The recorded descents that distinguish the rules of a run; none for a promotion."""
    if ledger.run.kind != SEARCH:
        return []
    descent = ledger.run.descent
    return [make_screen().probe, *([Probe(descent)] if descent else [])]


def name_baselines(ledger: Ledger) -> dict[str, Rule]:
    """The rules of the known optimizers that a run began with, by name; empty if it names unknown ones."""
    try:
        return find_known_optimizers(str(complete(BaselineConfig, ledger.run.config)["baselines"]))
    except UserError:  # a ledger from somebody else may hold anything
        return {}


def read_found_rules(directory: Path) -> list[Contender]:
    """The rules of a run that trained to the end; the K-th, counted from 1, has rank K in its table.

    Every RUN#K is resolved here.

    Raises:
      OSError, Damaged, sqlite3.Error: If there is no run, or it is damaged, or of another version.
    """
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        return [one for one in read_ranking(ledger).found if one.evaluation.status == "ok"]
