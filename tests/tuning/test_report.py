"""What is said at the end of a tuning; the optimizer that it names does what was measured."""

import dataclasses
import itertools
import shlex

import numpy as np
import pytest

from neural_optimizer_search import listing, parse_formula
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.optimizers import RuleOptimizer
from neural_optimizer_search.schedule_shape import DECAYS, Schedule
from neural_optimizer_search.search.score_words import Metric
from neural_optimizer_search.search.snippet import write_file_command, write_snippet
from neural_optimizer_search.tasks.protocol import OF_LOSS, REWARDS
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.tuning import Measured, Tuned, TuningResult
from neural_optimizer_search.tuning.report import find_metric, format_result

SETTING = Setting(parse_formula("Adam, beta_1=0.8"), 0.25, Schedule("cosine", 0.1), 0.01)


def measured(setting=SETTING, rewards=(0.5, 0.75), is_own=False):
    return Measured(setting, {}, 0.875, rewards, is_own)


def test_the_metric_of_a_task_has_a_column():
    lines = format_result(result(measured()), "mine:task", 24, Metric("mae", 2.0, 0.0)).splitlines()
    assert lines[1].split()[:2] == ["reward", "mae"]
    assert " ".join(lines[2].split()).startswith("0.6250 ± 0.1768 0.75 ")
    assert "mae: the value that the reward stands for, averaged in the same way." in lines


def test_a_finalist_that_diverged_has_no_value_of_the_metric():
    text = format_result(result(measured(rewards=(0.5, 0.0))), "mine:task", 24, Metric("mae", 2.0, 0.0))
    assert " ".join(text.splitlines()[2].split()).startswith("0.2500 ± 0.3536 - ")


def test_rewards_of_the_loss_are_no_values_of_the_metric():
    fingerprint = Fingerprint({}, {}, 2.0, 1.0, "mae", 1.5, 0.0)
    metrics = {reward: find_metric("mine:task", fingerprint, reward) for reward in REWARDS}
    assert metrics.pop(OF_LOSS) is None
    assert set(metrics.values()) == {Metric("mae", 1.5, 0.0)}
    assert find_metric("digits", None, "final_accuracy") is None


def test_it_says_why_there_are_no_importances():
    one = measured()
    text = format_result(
        dataclasses.replace(result(one), tuned=(Tuned("rate", None, None, 0.25, (0.1, 0.5)),)), "x", 24
    )
    assert (
        "importance: unknown, because fewer than 30 of the trials that the sampler chose freely trained to the end."
        in text
    )


def result(*finalists, **changes):
    tuned = (
        Tuned("schedule", 0.75, "constant", "cosine", ("linear", "cosine")),
        Tuned("beta_1", None, 0.9, 0.8, (0.5, 0.95)),
        Tuned("rate", 0.25, None, 0.25, (0.125, 0.5)),
    )
    own = next((one for one in finalists if one.is_own), None)
    return TuningResult(finalists[0], own, finalists, tuned, 40, 10, 1234, (3, 4), **changes)


@pytest.mark.parametrize(("decay", "warmup"), list(itertools.product(DECAYS, (0.0, 0.1, 0.33))))
def test_the_snippet_makes_the_optimizer_that_was_measured(decay, warmup):
    setting = Setting(parse_formula("Adam, beta_1=0.8"), 0.025, Schedule(decay, warmup), 0.3)
    made = {}
    exec(write_snippet(setting, 24), made)
    optimizer = made["optimizer"]
    assert isinstance(optimizer, RuleOptimizer)
    config = optimizer.get_config()
    assert config["weight_decay"] == 0.3 and optimizer.rule == setting.rule
    rates = [float(rate(t)) if callable(rate := optimizer._learning_rate) else float(rate) for t in range(24)]
    np.testing.assert_allclose(rates, 0.025 * setting.schedule.factors(24), rtol=1e-5, atol=1e-8)


def test_a_rule_that_reads_the_number_of_steps_gets_it():
    made = {}
    exec(write_snippet(Setting(parse_formula("ld * g"), 0.5), 24), made)
    assert made["optimizer"].decay_steps == 24


def test_the_table():
    own = measured(rewards=(0.25, 0.49995), is_own=True)
    text = format_result(result(measured(), own), "digits/default, x", 24)
    lines = text.splitlines()
    assert lines[0] == "digits/default, x: mean ± standard deviation over 2 fresh seeds"
    row = "0.6250 ± 0.1768 0.1250 0.8750 0.25 cosine, warm-up 0.1 0.01 Adam, beta_1=0.8"
    assert " ".join(lines[2].split()) == row
    assert lines[3].endswith("Adam, beta_1=0.8  (as given)")
    assert "Tuning adds 0.2500 ± 0.0000 (standard error, seed by seed)" in text
    assert "at its best rate (probability > 0.999; a single setting needs 0.95)." in text
    assert "schedule        0.75  constant  cosine  linear, cosine" in lines
    assert "beta_1             -       0.9     0.8  0.5 to 0.95" in lines
    assert "rate            0.25         -    0.25  0.125 to 0.5" in lines
    assert (
        "importance: how much a value decides whether a trial that the sampler chose freely is among the best tenth."
        in lines
    )
    assert "40 trials, 10 of them ended early, 1234 gradient steps in all." in lines


def make_from(lines, first):
    """The optimizers that the indented code after a line makes, by their names."""
    start = lines.index(first) + 1
    code = itertools.takewhile(lambda line: line.startswith("  "), lines[start:])
    made = {}
    exec("\n".join(line[2:] for line in code), made)
    return {name: value for name, value in made.items() if isinstance(value, RuleOptimizer)}


def test_what_is_not_shown_to_be_better_is_not_recommended():
    own = measured(Setting(parse_formula("Adam"), 0.5, Schedule("linear", 0.0), 0.0), (0.5, 0.5), is_own=True)
    better, lucky = measured(rewards=(0.75, 0.7501)), measured(rewards=(0.5, 0.75))
    for best in (better, lucky):
        lines = format_result(result(best, own), "x", 24).splitlines()
        used = "To use it:" if best is better else "To use the rule as it was given:"
        recommended = best if best is better else own
        assert {name: made.rule for name, made in make_from(lines, used).items()} == {
            "optimizer": recommended.setting.rule
        }
    made = make_from(lines, "Or the setting with the best mean, which is not shown to be better:")
    assert {name: one.rule for name, one in made.items()} == {"best_guess": SETTING.rule}


def test_the_command_writes_the_file_with_the_setting(capsys):
    setting = Setting(parse_formula("drop(Adam, 0.1), beta_1=0.8"), 0.025, Schedule("linear", 0.1), 0.3)
    command = write_file_command(setting).partition(": nos-optimizers ")[2]
    assert listing.main(shlex.split(command)) == 0
    expected = setting.rule.to_source("MyOptimizer", "torch", 0.025, "linear, warm-up 0.1", 0.3)
    assert capsys.readouterr().out == expected
    plain = write_file_command(Setting(parse_formula("g * m"), 0.5, Schedule("constant", 0.0), 0.0))
    assert plain.endswith(": nos-optimizers 'g * m' --learning_rate 0.5 --source torch")


def test_a_long_schedule_moves_no_column():
    long = dataclasses.replace(SETTING, schedule=Schedule("linear_cosine", 0.125))
    _, header, *rows = format_result(result(measured(long), measured()), "x", 24).splitlines()
    assert [row.index("Adam") for row in rows[:2]] == [header.index("update rule")] * 2


@pytest.mark.parametrize(
    ("finalists", "said"),
    [
        (
            [measured(rewards=(0.5,)), measured(rewards=(0.25,), is_own=True)],
            "One fresh seed cannot tell whether tuning adds to the rule as it was given, at its best rate (best: "
            "0.2500 more): tune with more --seeds.",
        ),
        (
            [measured(), measured(rewards=(0.25, 0.5), is_own=True)],
            "Two fresh seeds with the same difference cannot tell whether tuning adds to the rule",
        ),
        (
            [measured(is_own=True), measured()],
            "No setting that was measured again has a higher mean than the rule as it was given",
        ),
        ([measured()], "The rule as it was given had no reward above 0 at any of the rates."),
    ],
)
def test_what_it_is_worth(finalists, said):
    assert said in format_result(result(*finalists), "x", 24)


@pytest.mark.parametrize(
    ("tuned", "said"),
    [
        (
            1,
            "Tuning adds 0.1000 ± 0.0408 (standard error, seed by seed) to the rule as it was given, at its best "
            "rate (probability 0.954; a single setting needs 0.95).",
        ),
        (
            3,
            "No setting that was measured again is better than the rule as it was given, at its best rate, beyond "
            "noise (best: 0.1000 more, probability 0.954; the best of 3 needs 0.983). More --seeds can tell smaller "
            "differences.",
        ),
    ],
)
def test_the_best_of_more_settings_needs_a_higher_probability(tuned, said):
    best, own = measured(rewards=(0.5, 0.6, 0.7, 0.6)), measured(rewards=(0.4, 0.4, 0.7, 0.5), is_own=True)
    worse = [measured(rewards=(0.1, 0.2, 0.3, 0.4))] * (tuned - 1)
    assert said in format_result(result(best, own, *worse), "x", 24)


def test_without_a_true_difference_a_gain_is_rare():
    rng, said = np.random.default_rng(0), 0
    for _ in range(400):
        rewards = rng.normal(0.9, 0.01, (5, 5)).tolist()
        finalists = [measured(rewards=tuple(row), is_own=number < 2) for number, row in enumerate(rewards)]
        said += "Tuning adds" in format_result(result(*sorted(finalists, key=lambda one: -one.mean)), "x", 24)
    assert said <= 20  # 5 %; the reference is the better of two, so that there are fewer
