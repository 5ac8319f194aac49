"""Rounds in which a search tunes the constants, rate, schedule and weight decay of the best rules, found and known.

A form shows its quality only with suitable constants. A share of the gradient steps therefore goes to the best few
forms, and the best known optimizers, with which a verdict compares them, get as many trials each. The algorithm
learns the result of a round as the form's reward. The rounds depend only on what was learned from. If a search runs
out of steps within a round, each rule gets as many trials as fit, nothing is learned from the round, and the search
ends. With more steps, it continues from these trials. It then measures the scale of the rule's updates and the best
setting again. These steps count, but they do not change when the next round comes.

Rules that another run tuned come before all rounds; they are measured with the settings of that run.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from neural_optimizer_search.arguments import check_fields
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.roles import TUNED
from neural_optimizer_search.records.rows import Start, Tuning
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.search.standing import Standing
from neural_optimizer_search.search.waiting import wait_for_any
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.first_trials import count_probe_steps, find_trial_steps
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.workers.executor import Ask


@dataclasses.dataclass(frozen=True)
class ConstantsConfig:
    """How constants are tuned during a search.

    Args:
      share: Share of all gradient steps that goes to rounds; in [0, 1), and 0 for none.
      forms: Number of found rules in a round. Half of them are the best tuned ones, whose tuning continues; the
        others are the best untuned ones, because otherwise the rules tuned first would always stay ahead.
      known: Number of known optimizers in a round, chosen in the same way.
      trials: Number of trials of each of these rules in a round.

    Raises:
      ValueError: If a value is out of range.
    """

    share: float = 0.0
    forms: int = 2
    known: int = 2
    trials: int = 20

    def __post_init__(self) -> None:
        check_fields(self, "in [0, 1)", "share")
        check_fields(self, "above 0", "forms", "known", "trials")


def find_round_cost(config: ConstantsConfig, protocol: Protocol) -> int:
    """The maximum number of gradient steps in a round: each rule's trials, and its measurement with all seeds."""
    rules = config.forms + config.known
    return rules * (config.trials * find_trial_steps(protocol) + _count_other_steps(protocol))


def _count_other_steps(protocol):
    return len(protocol.seeds) * protocol.final_steps + protocol.probe_steps


def find_steps_before(config: ConstantsConfig, protocol: Protocol) -> int:
    """The gradient steps that a search spends on other work before each round, to keep to the share."""
    return math.ceil(find_round_cost(config, protocol) * (1.0 - config.share) / config.share)


def describe_no_round(config: ConstantsConfig, protocol: Protocol, steps: Mapping[str, int]) -> str:
    """Explains in a line why nothing was tuned; "" if something was, or if tuning is off.

    Args:
      config: A `ConstantsConfig`.
      protocol: The `Protocol`.
      steps: The result of `Ledger.count_steps`.
    """
    if not config.share or steps.get("constants"):
        return ""
    spent = sum(count for name, count in steps.items() if name != "fresh seeds")
    before = find_steps_before(config, protocol)
    if spent >= before:  # there was no rule to tune
        return "No constants were tuned."
    return (
        f"No constants were tuned: the first round comes after {before:,} gradient steps, and the search took "
        f"{spent:,}. Give it a larger budget, or a larger --constants."
    )


class Rounds:
    """The rounds of a search.

    Args:
      config: A `ConstantsConfig`.
      protocol: The `Protocol`.
      recorder: The `EvaluationRecorder` of the search, whose workers run the trials.
      standing: Its `Standing`.
      ledger: The `Ledger`; the trials in it are not repeated.
      known: Evaluations of the known optimizers.
      seed: Seed of the trials.
      given: The rules that other runs tuned, by the key of the form.

    Attributes:
      is_over: Whether the remaining steps did not suffice for a whole round.
    """

    def __init__(
        self,
        config: ConstantsConfig,
        protocol: Protocol,
        recorder: EvaluationRecorder,
        standing: Standing,
        ledger: Ledger,
        known: Iterable[Evaluation],
        seed: int,
        given: Optional[Mapping[str, Start]] = None,
    ):
        self._config, self._recorder, self._standing, self._ledger, self._seed = (
            config, recorder, standing, ledger, seed
        )  # fmt: skip
        self._given = dict(given or {}) if config.share else {}
        self._known = {e.key for e in known}
        # The maximum steps of a trial, and the other steps of a round per rule.
        self._trial_steps, self._other_steps = find_trial_steps(protocol), _count_other_steps(protocol)
        self._probe_steps = count_probe_steps(protocol)
        self._seeds, self._final_steps = protocol.seeds, len(protocol.seeds) * protocol.final_steps
        self._cost = find_round_cost(config, protocol)
        self.is_over = False
        self._trials: dict[str, list[Tuning]] = {}
        self._tuned: dict[str, list[Evaluation]] = {}
        self._kept = {(one.form, one.round): one for one in ledger.tunings()}
        self._found = {e.key: e for e in ledger.evaluations(TUNED)}
        self._spent = self._repeated = 0  # gradient steps as if no round had been cut short, and those on top

    def recall(self, step: int) -> None:
        """Reads the rounds that were learned from before this step."""
        for tuning in [one for one in self._kept.values() if one.step < step]:
            self._take_in(tuning)

    @property
    def is_due(self) -> bool:
        """Whether there are given rules to measure, or rules to tune and room for another round in the share."""
        if self._choose_given():
            return True
        total = self._standing.steps - self._repeated + self._cost
        return self._spent + self._cost <= self._config.share * total and bool(self._choose_found())

    def carry_out(self, step: int, left: Optional[int] = None) -> list[Evaluation]:
        """Carries out a round.

        Args:
          step: The number of the step in which it is learned from.
          left: Gradient steps that it may take; None for any number. If they are too few, `is_over` is set, and as
            many trials run as fit.

        Returns:
          The evaluations to learn from: one for each form that improved, whose rule is spelled as it was proposed.
        """
        if given := self._choose_given():
            self.is_over = left is not None and left < len(given) * self._final_steps
            return [] if self.is_over else self._learn(given, self._measure(given, step, 0))
        chosen = [*self._choose_found(), *self._choose_known()]
        trials = self._count_trials(left, chosen)
        rounds = self._measure(chosen, step, trials) if trials else {}
        self.is_over = trials < self._config.trials
        return [] if self.is_over else self._learn(chosen, rounds)

    def _learn(self, chosen, rounds):
        learned = []
        for form in chosen:
            before = self._find_worth(form)
            self._take_in(rounds[form.key])
            found = self._found.get(rounds[form.key].key)
            if found is not None and found.status == "ok" and found.reward > before:
                self._standing.settle_tuned(found)
                rule = self._ledger.find_spelling(form.key) or form.rule
                learned.append(dataclasses.replace(found, rule=rule))
        return learned

    def _count_trials(self, left, chosen):
        """The number of trials of each of these forms with which the round takes no more than what is left."""
        if left is None:
            return self._config.trials
        counts = range(self._config.trials, 0, -1)
        return next((n for n in counts if sum(self._find_most_steps(form, n) for form in chosen) <= left), 0)

    def _find_most_steps(self, form, trials):
        """The maximum steps of a form in a round of so many trials, with those of a part that was cut short."""
        most, kept = trials * self._trial_steps + self._other_steps, self._find_kept(form)
        if kept is None:
            return most
        return most + (_count_other(kept) if _goes_on(kept, trials) else self._count_repeated(kept))

    def _count_repeated(self, tuning):
        """The steps of a round that it would not have taken if it had not been cut short."""
        if not tuning.trials:
            return 0
        found = self._found.get(tuning.key)
        return _count_other(tuning) - self._probe_steps - (found.steps if found else 0)

    # -- Choice of rules -------------------------------------------------------------------------------

    def _choose_given(self):
        settled = self._standing.settled
        return [
            settled[key] for key in self._given if key in settled and key not in self._trials and _can(settled[key])
        ]

    def _choose_found(self):
        found = (e for key, e in self._standing.settled.items() if key not in self._known)
        return self._choose(found, self._config.forms)

    def _choose_known(self):
        known = (e for key, e in self._standing.settled.items() if key in self._known)
        return self._choose(known, self._config.known)

    def _choose(self, evaluations: Iterable[Evaluation], count: int) -> list[Evaluation]:
        """Chooses half from the best tuned ones and half from the best others; more if one kind has too few."""
        able = [e for e in evaluations if _can(e) and self._may_go_on(e)]
        best = sorted(able, key=self._find_worth, reverse=True)
        tuned, new = ([e for e in best if (e.key in self._trials) == is_tuned] for is_tuned in (True, False))
        half = max((count + 1) // 2, count - len(new))
        return [*tuned[:half], *new[: count - min(half, len(tuned))]]

    def _may_go_on(self, form):
        """Whether no round of the form failed."""
        return all(one.trials or one.key in self._found for one in self._trials.get(form.key, ()))

    def _find_worth(self, form):
        return max([form.reward, *(e.reward for e in self._tuned.get(form.key, ()) if e.status == "ok")])

    def _take_in(self, tuning):
        self._trials.setdefault(tuning.form, []).append(tuning)
        if (found := self._found.get(tuning.key)) is not None:
            self._tuned.setdefault(tuning.form, []).append(found)
        repeated = self._count_repeated(tuning)
        self._spent += tuning.steps - repeated
        self._repeated += repeated
        self._standing.spend(tuning.steps)

    # -- The work --------------------------------------------------------------------------------------

    def _measure(self, forms: Sequence[Evaluation], step: int, trials: int) -> dict[str, Tuning]:
        """Runs the trials of each form; returns `Tuning`s by key, each recorded as soon as it is finished."""
        executor, done, pending = self._recorder.executor, {}, {}
        for form in forms:
            number, kept = self._find_number(form), self._find_kept(form)
            if kept is not None and not _goes_on(kept, trials):
                done[form.key] = self._keep(kept._replace(step=step), None) if kept.step != step else kept
                continue
            ask = self._make_ask(form, kept.trials if kept else (), trials)
            rule = form.rule if trials else self._given[form.key].rule  # its rate is for its own spelling
            pending[executor.submit(rule, ask)] = form, number
        while pending:
            self._recorder.on_wait(f"the constants of {len(pending)} rules are tuned")
            wait_for_any(executor, pending, self._recorder.on_wait)
            self._recorder.collect()
            for future in [future for future in pending if future.done()]:
                form, number = pending.pop(future)
                record = self._record if trials else self._record_given
                done[form.key] = record(form, number, step, future.result())
        self._recorder.on_wait("")
        return done

    def _find_number(self, form):
        """The number of the next round of a form."""
        return len(self._trials.get(form.key, ()))

    def _find_kept(self, form):
        """What an interrupted search did of the next round of a form; None if nothing."""
        return self._kept.get((form.key, self._find_number(form)))

    def _make_ask(self, form: Evaluation, begun: Sequence[dict[str, Any]], count: int) -> Ask:
        if not count:
            names = ("learning_rate", "schedule", "weight_decay", "seeds")
            return Ask("measure_again", dict(zip(names, (*(self._given[form.key].tuned or ()), self._seeds))))
        from neural_optimizer_search.trials.rounds import carry_on  # needs Optuna, which other searches do not

        measured = [_read_setting(e) for e in (form, *self._tuned.get(form.key, ()))]
        trials = [trial for tuning in self._trials.get(form.key, ()) for trial in tuning.trials]
        arguments: dict[str, Any] = dict(measured=measured, trials=trials, begun=begun)
        steps = count * self._trial_steps + self._other_steps
        patience = max(1.0, steps / max(1, form.steps))
        return Ask(carry_on, dict(arguments, count=count, seed=self._seed), patience)

    def _record(self, form, number, step, answer):
        kept = self._kept.get((form.key, number))  # its trials are among those of the answer
        if isinstance(answer, Evaluation):  # after a failure: there was no answer
            return self._keep(Tuning(form.key, number, step, kept.steps if kept else 0, ()), None)
        steps = answer.steps + (_count_other(kept) if kept else 0)
        tuning = Tuning(form.key, number, step, steps, tuple(answer.trials))
        found = answer.evaluation and dataclasses.replace(
            answer.evaluation, key=tuning.key, form=form.key, flipped=form.flipped
        )
        return self._keep(tuning, found)

    def _record_given(self, form, number, step, evaluation):
        tuning = Tuning(form.key, number, step, evaluation.steps, ())
        is_measured = evaluation.status == "ok"
        found = dataclasses.replace(evaluation, key=tuning.key, form=form.key, flipped=form.flipped)
        return self._keep(tuning, found if is_measured else None)

    def _keep(self, tuning, found):
        self._ledger.add_tuning(tuning, found)
        self._kept[tuning.form, tuning.round] = tuning
        if found is not None:
            self._found[found.key] = found
        return tuning


def _can(evaluation):
    """Whether it has a rate from which tuning can start."""
    return evaluation.status == "ok" and evaluation.learning_rate is not None


def _goes_on(tuning, trials):
    """Whether a round was cut short before so many trials; one without trials failed, or needs none."""
    return 0 < len(tuning.trials) < trials


def _count_other(tuning):
    """The gradient steps of a round that no trial took."""
    steps = [trial.get("steps") for trial in tuning.trials]
    if wrong := [one for one in steps if not isinstance(one, int) or not 0 <= one <= tuning.steps]:
        raise Damaged(f"a trial is invalid: its round took {tuning.steps} steps, and the trial {wrong[0]!r:.40}.")
    return tuning.steps - sum(steps)


def _read_setting(evaluation):
    schedule = parse_schedule(evaluation.schedule)
    return Setting(evaluation.rule, evaluation.learning_rate, schedule, evaluation.weight_decay)
