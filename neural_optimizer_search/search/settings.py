"""Search for settings: a form, its constants, and the rate, schedule and weight decay with which it is trained.

A form shows its quality only with suitable constants, so each trial tests both together. A trial is one training,
which ends early if it is not promising; settings as good as the best are trained with every seed. The next trials are
near the best ones: with another form, other constants, or both. For comparison, some are near the best known
optimizers, whose constants are tuned in the same way.

On several tasks, a trial has one setting for all of them, and one training per task and seed; settings that are not
promising on the first tasks are not trained on the others.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from neural_optimizer_search.command_line import advise_install
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation, name_tasks
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.schedule_shape import Schedule, parse_schedule
from neural_optimizer_search.search.algorithm import Algorithm, Proposal, Trial
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.known_optimizers import THE_FIVE
from neural_optimizer_search.search.parents import Individual, Parents, Tried, reached_end
from neural_optimizer_search.search.registry import AlgorithmEntry, SearchSetting
from neural_optimizer_search.search.seed_effects import SeedEffects
from neural_optimizer_search.search.settings_config import SettingsConfig
from neural_optimizer_search.search.start_draws import StartDraws
from neural_optimizer_search.search.variation import cross, draw_string, mutate
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.setting import set_constants
from neural_optimizer_search.trials.tunables import Scale, Tunable, find_own_values, find_tunables, round_off

TRAINING = ("rate", "schedule", "warm-up", "weight decay")  # the tunables that all forms have
TRIES = 10  # attempts at a trial that is new


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
        from neural_optimizer_search.search.form_model import FormModel  # needs Optuna, which other searches do not

        self._sizes = sizes
        self._space, self._protocol, self._config, self._seed = space, protocol, config, seed
        rules = [one.rule for one in start]
        self._effects, tasks = SeedEffects(len(protocol.seeds)), len(name_tasks(known))
        self._parents = {  # by whether they are known optimizers
            False: Parents(config, config.parents, tasks, self._effects),
            True: Parents(config, config.known_parents, tasks, self._effects),
        }
        self._model = FormModel(self._effects)
        self._known = {e.rule.canonical(): e for e in known}
        self._of_string = {space.embed_form(e.rule): e.key for e in known}
        self._scales: dict[str, float] = {}  # the root mean square of a form's updates, as seen in trials
        self._unscaled: list[tuple[Individual, Evaluation]] = []  # trials of forms whose scale is not known yet
        self._learned: set[str] = set()  # the names of all trials
        best = sorted((e for e in known if e.status == "ok"), key=lambda e: -e.reward)[: config.known_parents + 1]
        first = [
            *(self._begin(rule) for rule in [*rules, *(e.rule for e in best)]),
            *(self._place(one.rule, *one.tuned)._replace(centred=False) for one in start if one.tuned),
        ]
        self._starts = StartDraws(rules, config.draws)
        self._first = self._plan(first, 0, 1)
        # In every other proposal, so that a small budget also has children.
        self._draws = self._plan(self._starts.draws, len(self._first), 2)

    def propose(self, number: int) -> Proposal:
        """The `Proposal` with this number."""
        rng = np.random.default_rng([self._seed, number])
        if number in self._first:
            individuals = self._first[number]
        elif number in self._draws:
            rules = self._starts.choose(self._draws[number])
            individuals = [self._find_new(functools.partial(self._scatter, rule, rng)) for rule in rules]
        else:
            individuals = [self._find_new(functools.partial(self._vary, rng)) for _ in range(self._find_size(number))]
        rules = [set_constants(one.form, one.values) for one in individuals]
        trials = [_make_trial(one)._replace(least=self._parents[bool(one.known)].find_least()) for one in individuals]
        return Proposal(rules, individuals, trials=trials)

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Turns good settings into parents."""
        tried = zip(proposal.rules, proposal.drawn or (), proposal.trials or (), evaluations)
        for rule, individual, trial, evaluation in tried:
            name = trial.name(rule.canonical())
            if evaluation.screened or name in self._learned:
                continue
            self._learned.add(name)
            self._parents[bool(individual.known)].see(individual.form, evaluation)
            self._starts.see(individual.form, len(evaluation.parts) or reached_end(evaluation), evaluation.reward)
            # What had to reach a reward with the first seeds would make them look kind.
            if evaluation.status == "ok" and not any((trial.least or ())[1:]):
                self._effects.add(evaluation.rewards)
            if individual.centred:
                tunables = find_tunables(individual.form, self._protocol)
                self._model.add(individual.form, tunables, individual.values, evaluation)
            self._learn_scale(individual, evaluation)
            self._add(individual, evaluation)
        best = [self._effects.correct(one.rewards) for one in self._parents[False].best]
        self.metrics = {"parents/mean": float(np.mean(best or [0.0]))}

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
            waiting, self._unscaled = self._unscaled, []
            for one in waiting:
                self._add(*one)

    def _add(self, individual, evaluation):
        """Adds a trial that reached its end to the parents."""
        if not reached_end(evaluation):
            return
        scale = 1.0 if individual.centred else self._scales.get(individual.form.canonical())
        if scale is None:
            self._unscaled.append((individual, evaluation))
            return
        values = individual.values
        centred = {**values, "rate": values["rate"] * scale, "weight decay": values["weight decay"] / scale}
        tried = Tried(individual._replace(values=centred, centred=True), evaluation.rewards)
        self._parents[bool(individual.known)].add(tried)

    # -- What is tried ---------------------------------------------------------------------------------

    def _plan(self, left, number, stride):
        """Divides trials among every `stride`-th proposal from this number on; the result maps numbers to trials."""
        planned = {}
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
        """A rule with changed constants, and a rate and schedule near those of a parent; at a random rate if none.

        Updates whose root mean square is 1 need similar rates, whatever their form.
        """
        one, tunables = self._begin(rule), find_tunables(rule, self._protocol)
        values = self._change_values(tunables, one.values, self._config.largest_step, rng)
        parent = self._parents[False].choose(rng)
        if parent is None:
            rate = round_off(math.exp(rng.uniform(*np.log(self._config.rates))))
            return one._replace(values={**values, "rate": rate})
        step = self._draw_step(rng)
        near = self._change_values(tunables, parent.values, step, rng)
        near["rate"] = _move(next(t for t in tunables if t.name == "rate"), parent.values["rate"], step, rng)
        return one._replace(values={**values, **{name: near[name] for name in TRAINING}})

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

    def _find_new(self, make):
        """What `make` returns, made again if it was tried before; after many failed attempts, any."""
        for _ in range(TRIES):
            made = make()
            if name_trial(made) not in self._learned:
                break
        return made

    def _vary(self, rng):
        """A child of one of the best."""
        found, stock = self._parents[False], self._parents[True]
        wanted = stock if rng.random() < self._config.known_share else found
        parents = next((one for one in (wanted, found, stock) if one.best), None)
        if parents is None:
            return self._draw(rng)
        is_other = parents is found and rng.random() < self._config.form_share
        parent = parents.choose(rng, in_space=is_other)
        if parent is None:
            return self._draw(rng)
        form, string, values, *_ = parent
        if is_other:
            string = self._vary_string(string, rng)
            form = self._space.decode(string)
        tunables = find_tunables(form, self._protocol)
        if rng.random() < self._config.model_share:
            modelled = self._model.suggest(form, tunables, int(rng.integers(2**31)))
            if modelled:
                return self._make(form, string, modelled)
        return self._make(form, string, self._change_values(tunables, values, self._draw_step(rng), rng))

    def _draw_step(self, rng):
        return self._config.largest_step * 10 ** -rng.random()

    def _vary_string(self, string, rng):
        others = [one.individual.string for one in self._parents[False].best]
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
        chance = rng.random()
        if isinstance(tunable.scale, Scale):
            near = _move(tunable, value, step, rng)
            return near if chance < self._config.change_share else value
        return tunable.scale[rng.integers(len(tunable.scale))] if chance < self._config.change_share / 5 else value


def _make_trial(individual):
    """The `Trial` of an individual that needs to reach nothing."""
    values = individual.values
    schedule = str(Schedule(values["schedule"], values["warm-up"]))
    centred, known = individual.centred, individual.known
    return Trial(values["rate"], schedule, values["weight decay"], centred=centred, form=known)


def name_trial(individual: Individual) -> str:
    """The name of the trial of an individual, which is the same for the same training."""
    return _make_trial(individual).name(set_constants(individual.form, individual.values).canonical())


def _move(tunable, value, step, rng):
    """A value nearby."""
    return tunable.read(tunable.scale.move(tunable.write(value), step * rng.normal()))


def _make(setting: SearchSetting) -> Settings:
    start, sizes = tuple(setting.start), setting.batch_sizes
    return Settings(setting.space, setting.protocol, SettingsConfig(), setting.seed, setting.known, start, sizes)


ENTRY = AlgorithmEntry(
    "Search for settings",
    _make,
    tries_settings=True,
    batch=SettingsConfig.batch_size,
    smallest_batch=1,
    needs={"optuna": f"Optuna: {advise_install('search')}"},
    defaults={"pipeline": 1, "budget": 500, "constants": 0.0, "baselines": THE_FIVE},
)
