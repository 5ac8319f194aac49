"""Search for settings: a form, its constants, and the rate, schedule and weight decay with which it is trained.

A form shows its quality only with suitable constants, so each trial tests both together. A trial is one training,
which ends early if it is not promising; settings as good as the best are trained with every seed. The next trials are
near the best ones: with another form, other constants, or both. For comparison, some are near the best known
optimizers, whose constants are tuned in the same way.

On several tasks, a trial has one setting for all of them, and one training per task and seed; settings that are not
promising on the first tasks are not trained on the others.
"""

import collections
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np

from neural_optimizer_search.arguments import check_fields
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation, name_tasks
from neural_optimizer_search.measuring.joint import mean_score
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.search.algorithm import Algorithm, Proposal, Trial
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.form_model import FormModel
from neural_optimizer_search.search.known_optimizers import THE_FIVE
from neural_optimizer_search.search.registry import AlgorithmEntry, SearchSetting
from neural_optimizer_search.search.variation import cross, draw_string, mutate
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.setting import set_constants
from neural_optimizer_search.trials.tunables import Scale, Tunable, find_own_values, find_tunables, round_off


@dataclass(frozen=True)
class SettingsConfig:
    """The settings of the search for settings.

    Args:
      batch_size: Trials per proposal.
      parents: The number of best settings that have children; better ones have more.
      per_form: Maximum number of parents with the same form; otherwise, only the form tuned first would be tuned.
      known_parents: The number of parents among known optimizers.
      known_share: Share of the trials that are children of known optimizers.
      rates: The lowest and the highest rate at which a form is tried first, for updates whose root mean square is 1.
      draws: Number of further trials of a start rule, with random constants and random rates in this range, after one
        trial with its own constants at the middle rate. No single setting shows how good a form is.
      form_share: Share of the children that have another form. Of these, a share of `cross_share` takes parts of
        another parent's form, a tenth has a random form, and the others differ in one part.
      cross_share: See `form_share`.
      model_share: Share of the children with their parent's form whose constants a `FormModel` draws from all trials
        of the form, once there are enough. The others have the parent's constants, some of them changed.
      change_share: Share of the constants of such a child that differ from the parent's.
      largest_step: Largest standard deviation of such a change, as a fraction of the range, on a logarithmic scale
        where the range has one. The standard deviation for a child is between a tenth of this and this.
      enough: Number of trials after which others may end early.
      memory: Number of recent trials to compare with: a trial continues if its reward after a third of its training
        is higher than that of a share of `early_share` of them.
      early_share: See `memory`. On several tasks, it applies in the same way after each task but the last.

    Raises:
      ValueError: If a value is out of range.
    """

    batch_size: int = 4
    parents: int = 6
    per_form: int = 2
    known_parents: int = 2
    known_share: float = 0.15
    rates: tuple[float, float] = (0.004, 0.4)
    draws: int = 6
    form_share: float = 0.35
    cross_share: float = 0.3
    model_share: float = 0.5
    change_share: float = 0.4
    largest_step: float = 0.25
    enough: int = 10
    memory: int = 100
    early_share: float = 0.5

    def __post_init__(self) -> None:
        check_fields(
            self, "above 0", "batch_size", "parents", "per_form", "known_parents", "largest_step", "enough", "memory"
        )
        check_fields(self, "at least 0", "draws")
        check_fields(
            self,
            "in [0, 1]",
            "known_share",
            "form_share",
            "cross_share",
            "model_share",
            "change_share",
            "early_share",
        )


class Individual(NamedTuple):
    """A setting to try.

    Attributes:
      form: A rule; the values replace its constants.
      string: Its tokens in the space; None if the space does not have it.
      values: The values of its tunables, by name.
      known: The key of the known optimizer that the form is; "" if it is none.
      centred: Whether rate and weight decay are for updates whose root mean square is 1, as for parents.
    """

    form: Rule
    string: Optional[tuple[int, ...]]
    values: Mapping[str, Any]
    known: str = ""
    centred: bool = True


class Tried(NamedTuple):
    """An `Individual`, and its rewards: one per seed, and their mean."""

    individual: Individual
    rewards: tuple[float, ...]
    reward: float


class Settings(Algorithm):
    """Proposes settings near the best; proposal k draws from (seed, k) and from what was learned.

    Args:
      space: The `Space` of the forms.
      protocol: The `Protocol`; of several tasks, that of the first.
      config: A `SettingsConfig`.
      seed: Seed of the proposals.
      known: Evaluations of the known optimizers.
      start: The rules to try first, in addition to the best known optimizers.
      sizes: Sizes of proposals that differ from the configuration's.
    """

    def __init__(
        self,
        space: Space,
        protocol: Protocol,
        config: SettingsConfig,
        seed: int,
        known: Sequence[Evaluation] = (),
        start: Sequence[Start] = (),
        sizes: BatchSizes = OWN,
    ):
        self._sizes = sizes
        self._space, self._protocol, self._config, self._seed = space, protocol, config, seed
        self._best: dict[bool, list[Tried]] = {False: [], True: []}  # parents, by whether they are known optimizers
        tasks = len(name_tasks(known))
        self._is_joint = tasks > 1
        # The rewards of the last trials at each look: a third of the way, or after each task but the last. By whether
        # they are of known optimizers.
        self._looks = {
            is_known: [collections.deque[float](maxlen=config.memory) for _ in range(max(1, tasks - 1))]
            for is_known in (False, True)
        }
        self._model = FormModel()
        self._known = {e.rule.canonical(): e for e in known}
        self._of_string = {space.embed_form(e.rule): e.key for e in known}
        self._scales: dict[str, float] = {}  # the root mean square of a form's updates, as seen in trials
        best = sorted((e for e in known if e.status == "ok"), key=lambda e: -e.reward)[: config.known_parents + 1]
        rules, rng = [one.rule for one in start], np.random.default_rng(seed)
        first = [
            *(self._begin(rule) for rule in [*rules, *(e.rule for e in best)]),
            *(self._place(one.rule, *one.tuned)._replace(centred=False) for one in start if one.tuned),
        ]
        scattered = [self._scatter(rule, rng) for _ in range(config.draws) for rule in rules]
        self._planned = self._plan(first, scattered)

    def propose(self, number: int) -> Proposal:
        """The `Proposal` with this number."""
        individuals = self._planned.get(number)
        if individuals is None:
            rng = np.random.default_rng([self._seed, number])
            individuals = [self._vary(rng) for _ in range(self._find_size(number))]
        rules = [set_constants(one.form, one.values) for one in individuals]
        return Proposal(rules, individuals, trials=[self._make_trial(one) for one in individuals])

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Turns good settings that were trained with every seed into parents."""
        for individual, evaluation in zip(proposal.drawn or (), evaluations):
            if evaluation.screened:
                continue
            for last, worth in zip(self._looks[bool(individual.known)], _find_looks(evaluation)):
                last.append(worth)
            if individual.centred:
                tunables = find_tunables(individual.form, self._protocol)
                self._model.add(individual.form, tunables, individual.values, evaluation)
            self._learn_scale(individual, evaluation)
            self._add(individual, evaluation)
        self.metrics = {"parents/mean": float(np.mean([one.reward for one in self._best[False]] or [0.0]))}

    def restore(self) -> int:
        """Lets the loop repeat all proposals from the ledger, which takes no time compared with the trainings."""
        return 0

    def _find_size(self, number):
        return self._sizes.find(number, self._config.batch_size)

    def _learn_scale(self, individual, evaluation):
        """Learns the scale of a form's updates.

        With the scale, a known optimizer becomes a parent with the setting of its measurement before the search,
        except on several tasks, where it had one setting per task.
        """
        form = individual.form.canonical()
        if individual.centred and evaluation.learning_rate and form not in self._scales:
            self._scales[form] = individual.values["rate"] / evaluation.learning_rate
            known = self._known.get(form)
            if known is not None and known.learning_rate is not None and not known.parts:
                setting = known.learning_rate, known.schedule, known.weight_decay
                self._add(self._place(known.rule, *setting)._replace(centred=False), known)

    def _add(self, individual, evaluation):
        """Adds an individual to the parents if it is one of the best."""
        scale = 1.0 if individual.centred else self._scales.get(individual.form.canonical())
        if evaluation.status != "ok" or scale is None:
            return
        values = individual.values
        centred = {**values, "rate": values["rate"] * scale, "weight decay": values["weight decay"] / scale}
        is_known = bool(individual.known)
        count = self._config.known_parents if is_known else self._config.parents
        parent = Tried(individual._replace(values=centred, centred=True), evaluation.rewards, evaluation.reward)
        ranked, forms = sorted([*self._best[is_known], parent], key=lambda one: -one.reward), collections.Counter()
        self._best[is_known] = best = []
        for one in ranked:
            forms[one.individual.form] += 1
            if forms[one.individual.form] <= self._config.per_form and len(best) < count:
                best.append(one)

    # -- What is tried ---------------------------------------------------------------------------------

    def _plan(self, first, scattered):
        """Plans the trials that are not children; returns them by the number of the proposal.

        The scattered ones are spread over every other proposal, so that a small budget also has children.
        """
        planned, number = {}, 0
        for left, stride in ((first, 1), (scattered, 2)):
            while left:
                size = self._find_size(number)
                planned[number], left = left[:size], left[size:]
                number += stride
        return planned

    def _begin(self, rule):
        """A rule as it is, at the middle rate."""
        values = find_own_values(find_tunables(rule, self._protocol), math.sqrt(math.prod(self._config.rates)))
        return self._make(rule, self._space.embed_form(rule), values)

    def _scatter(self, rule, rng):
        """A rule with changed constants, at a random rate."""
        one = self._begin(rule)
        values = self._change_values(find_tunables(rule, self._protocol), one.values, self._config.largest_step, rng)
        return one._replace(values=dict(values, rate=round_off(math.exp(rng.uniform(*np.log(self._config.rates))))))

    def _place(self, rule, rate, schedule, weight_decay):
        """A rule with the setting with which it was trained."""
        given = parse_schedule(schedule)
        values = {"schedule": given.decay, "warm-up": given.warmup, "weight decay": weight_decay}
        one = self._begin(rule)
        return one._replace(values={**one.values, "rate": rate, **values})

    def _make(self, form, string, values):
        known = self._known.get(form.canonical())
        key = known.key if known else self._of_string.get(string, "") if string else ""
        return Individual(form, string, values, key)

    def _make_trial(self, individual):
        values = individual.values
        schedule = f"{values['schedule']}, warm-up {values['warm-up']!r}" if values["warm-up"] else values["schedule"]
        least = self._find_least(bool(individual.known))
        return Trial(values["rate"], schedule, values["weight decay"], least, individual.centred, individual.known)

    def _find_least(self, is_known):
        """The rewards that a trial needs to continue: a quantile at each look, and then that of the middle parent.

        A seed affects all rewards alike, so the required reward after the first seeds is higher or lower by as much.
        """
        c, best = self._config, self._best[is_known]
        seen = [last if len(last) >= c.enough else [0.0] for last in self._looks[is_known]]
        least = [float(np.quantile(last, c.early_share)) for last in seen]
        if self._is_joint:
            return tuple(least)
        if len(best) < (c.known_parents if is_known else c.parents):
            return *least, *[0.0] * (len(self._protocol.seeds) - 1)
        effects = np.mean([np.subtract(one.rewards, one.reward) for one in best], axis=0)
        means = np.cumsum(effects)[:-1] / np.arange(1, len(effects))
        return *least, *(best[len(best) // 2].reward + means).tolist()

    def _vary(self, rng):
        """A child of one of the best."""
        parents = self._best[bool(rng.random() < self._config.known_share)] or self._best[False] or self._best[True]
        if not parents:
            return self._draw(rng)
        chances = np.arange(len(parents), 0, -1.0)
        form, string, values, known, _ = parents[rng.choice(len(parents), p=chances / chances.sum())].individual
        if string is not None and not known and rng.random() < self._config.form_share:
            string = self._vary_string(string, rng)
            form = self._space.decode(string)
        tunables = find_tunables(form, self._protocol)
        if rng.random() < self._config.model_share:
            modelled = self._model.suggest(form, tunables, int(rng.integers(2**31)))
            if modelled:
                return self._make(form, string, modelled)
        step = self._config.largest_step * 10 ** -rng.random()
        return self._make(form, string, self._change_values(tunables, values, step, rng))

    def _vary_string(self, string, rng):
        others = [one.individual.string for one in self._best[False]]
        others = [other for other in others if other not in (None, string)]
        chance = rng.random()
        if others and chance < self._config.cross_share:
            return cross(string, others[rng.integers(len(others))], self._space, rng)
        return draw_string(self._space, rng) if chance > 0.9 else mutate(string, self._space, rng)

    def _draw(self, rng):
        string = draw_string(self._space, rng)
        return self._begin(self._space.decode(string))

    def _change_values(self, tunables, values, step, rng):
        return {one.name: self._change(one, values.get(one.name, one.own), step, rng) for one in tunables}

    def _change(self, tunable: Tunable, value: Any, step: float, rng: np.random.Generator) -> Any:
        """The value of a child: its parent's, or one nearby; for a choice, rarely another one."""
        scale, chance = tunable.scale, rng.random()
        if isinstance(scale, Scale):
            near = scale.move(tunable.write(value), step * rng.normal())
            return tunable.read(near) if chance < self._config.change_share else value
        return scale[rng.integers(len(scale))] if chance < self._config.change_share / 5 else value


def _find_looks(evaluation):
    """The reward of a trial at each of its looks."""
    if not evaluation.parts:
        return [evaluation.sweep_reward]
    return [mean_score(evaluation.parts[:count]) for count in range(1, len(evaluation.parts) + 1)]


def _make(setting: SearchSetting) -> Settings:
    assert setting.protocol is not None
    start, sizes = tuple(setting.start), setting.batch_sizes
    return Settings(setting.space, setting.protocol, SettingsConfig(), setting.seed, setting.known, start, sizes)


ENTRY = AlgorithmEntry(
    "Search for settings",
    _make,
    tries_settings=True,
    batch=SettingsConfig.batch_size,
    smallest_batch=1,
    defaults={"pipeline": 1, "budget": 500, "constants": 0.0, "baselines": THE_FIVE},
)
