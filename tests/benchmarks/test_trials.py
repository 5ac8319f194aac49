"""The comparisons, on made-up trainings."""

import contextlib
import dataclasses
import io
import itertools
import json
import math

import pytest
from tqdm import tqdm

from benchmarks.commands import report
from benchmarks.experiments import EXPERIMENTS
from benchmarks.plotting import close_figure, make_figure
from benchmarks.trials import pictures
from benchmarks.trials.comparison import choose, compare, count_missing, count_trials, find_choice
from benchmarks.trials.contenders import SCHEDULES, Contender, read_contender
from benchmarks.trials.execution import measure_trials
from benchmarks.trials.records import OtherSetting, Records
from benchmarks.trials.summary import (
    compare_steps,
    correlate,
    find_median,
    make_table,
    mean_and_deviation,
    summarize,
)
from benchmarks.trials.trials import Metric, Sweep, Trial
from neural_optimizer_search.files import Damaged

ACCURACY = Metric("accuracy", larger_is_better=True)
LOSS = Metric("loss", larger_is_better=False)
SWEEP = Sweep(("adam@constant", "g@constant"), (1e-3, 1e-2, 1e-1), refine=(10**0.5,), seeds=2)
BEST_RATE = {"adam@constant": 1e-2 * 10**0.5, "g@constant": 1e-1}


@dataclasses.dataclass(frozen=True)
class Setting:
    sweep: Sweep = SWEEP
    steps: int = 10


def list_no_options(contender):
    return ({},)


def made_up(trial):
    """Best at one rate, linear in training, and diverged at 0.3 with Adam."""
    best = 1.0 - abs(math.log10(trial.learning_rate / BEST_RATE[trial.contender])) / 4
    diverged = trial.contender.startswith("adam") and trial.learning_rate > 0.09
    result = dict(curve=[[5, best / 2], [10, best]], best=best, diverged=diverged, final=best, seconds=1.0)
    return dict(result, test=best - 0.01 * trial.seed) if trial.tests else result


def compared(path, sweep=SWEEP, list_options=list_no_options, stop_after=None):
    """(the records, the trials that were made) of one comparison."""
    records, made = Records(path, Setting(sweep)), []

    def measure(trials):
        for trial in trials:
            if trial in records:
                continue
            if len(made) == stop_after:
                raise KeyboardInterrupt
            made.append(trial)
            records.add(trial, made_up(trial))

    compare(sweep, sweep.contenders, list_options, ACCURACY, records, measure)
    return records, made


def test_every_contender_has_the_same_trials_and_the_best_is_trained_with_fresh_seeds(tmp_path):
    records, made = compared(tmp_path / "records.jsonl")
    assert len(made) == len(set(made)) == count_trials(SWEEP, SWEEP.contenders, list_no_options) == 2 * (3 + 2 + 2)
    for name in SWEEP.contenders:
        rates = sorted(trial.learning_rate for trial in made if trial.contender == name and not trial.tests)
        assert len(rates) == 5
        tested = [trial for trial in made if trial.contender == name and trial.tests]
        assert [trial.seed for trial in tested] == [1, 2]
        assert [trial.learning_rate for trial in tested] == pytest.approx([BEST_RATE[name]] * 2)
    assert choose(records, "adam@constant", ACCURACY).learning_rate == pytest.approx(BEST_RATE["adam@constant"])


def test_a_second_factor_refines_the_best_rate_so_far(tmp_path):
    twice = dataclasses.replace(SWEEP, refine=(10**0.5, 10**0.25))
    _, made = compared(tmp_path / "records.jsonl", twice)
    assert len(made) == count_trials(twice, SWEEP.contenders, list_no_options) == 2 * (3 + 4 + 2)
    first = [trial.learning_rate for trial in made if trial.contender == "g@constant" and not trial.tests]
    best = BEST_RATE["g@constant"]
    assert first[3:] == pytest.approx([best * 10**power for power in (-0.5, 0.5, -0.25, 0.25)])
    assert compared(tmp_path / "records.jsonl", twice)[1] == []


@pytest.mark.parametrize("seeds", [3, 1])
def test_the_bar_ends_at_its_total_although_the_records_hold_others(tmp_path, seeds):
    """Such as those of other contenders or seeds, or of a call that was stopped."""
    with contextlib.suppress(KeyboardInterrupt):
        compared(tmp_path / "records.jsonl", dataclasses.replace(SWEEP, seeds=3), stop_after=15)
    (_, name), sweep = SWEEP.contenders, dataclasses.replace(SWEEP, seeds=seeds)
    records, bar = Records(tmp_path / "records.jsonl", Setting(sweep)), tqdm(disable=False, file=io.StringIO())
    assert len(records) == 15

    def run_trials(jobs):
        return ((trial, made_up(trial)) for trial, _ in jobs)

    measure = measure_trials({name: read_contender(name)}, records, run_trials, bar)
    compare(sweep, [name], list_no_options, ACCURACY, records, measure)
    assert bar.n == count_trials(sweep, [name], list_no_options)


def test_what_is_random_differs_from_training_to_training():
    noisy = read_contender("sgd@noisy_linear_cosine")
    rates = [float(noisy.make(1.0, 100, seed)._learning_rate(10)) for seed in (1, 1, 2)]
    assert rates[0] == rates[1] != rates[2]
    assert read_contender("drop(g, 0.3)").make(0.1, 10, 5).get_config()["seed"] == 5
    assert read_contender("drop(g, 0.3)?seed=7").make(0.1, 10, 5).get_config()["seed"] == 7


def test_one_training_has_no_deviation_and_one_that_diverged_does_not_count():
    assert mean_and_deviation([0.5]) == [0.5] and mean_and_deviation([]) is None
    assert mean_and_deviation([0.5, 0.7]) == [pytest.approx(0.6), pytest.approx(0.1 * 2**0.5)]


def test_the_order_is_compared_with_the_papers(monkeypatch):
    figures = {f"{i}@constant": {"test": [1.0 - i]} for i in range(10)}
    assert correlate(Experiment, figures) is None
    monkeypatch.setattr(Experiment, "PAPER", {name: {"test": float(name[0])} for name in figures})
    assert correlate(Experiment, figures) == ("test", pytest.approx(-1.0), 10)
    assert correlate(Experiment, {**figures, "0@constant": {"test": None}}) is None


@pytest.mark.parametrize(("count", "expected"), [(3, "0 1 2"), (12, "11 0 1 2 4 5 6 7 8 9 10 3")])
def test_a_long_legend_has_the_order_of_the_lines(count, expected):
    """The order of their last points, as soon as there are more lines than colours."""
    figure, axes = make_figure(width=4, height=3)
    for i in range(count):
        axes.plot([0, 1], [i, {11: 100, 3: float("nan")}.get(i, -i)], label=str(i))
    lines, labels = pictures.order_legend(axes)
    close_figure(figure)
    assert labels == expected.split() == [line.get_label() for line in lines]


def test_styles_differ():
    styles = pictures.choose_styles([str(i) for i in range(40)])
    assert len({tuple(style.values()) for style in styles.values()}) == 40


def test_options_are_tuned_too(tmp_path):
    _, made = compared(tmp_path / "records.jsonl", list_options=lambda name: ({"epsilon": 1e-3}, {"epsilon": 1e-8}))
    assert len(made) == 2 * (6 + 2 + 2)
    assert {trial.options for trial in made} == {(("epsilon", 1e-3),), (("epsilon", 1e-8),)}


@pytest.mark.parametrize("stop_after", [0, 1, 6, 9, 13])
def test_a_comparison_goes_on_where_it_stopped(tmp_path, stop_after):
    whole, _ = compared(tmp_path / "whole.jsonl")
    with pytest.raises(KeyboardInterrupt):
        compared(tmp_path / "broken.jsonl", stop_after=stop_after)
    if stop_after:
        with open(tmp_path / "broken.jsonl", "a") as file:
            file.write('{"contender": "adam@const')  # as a kill leaves it
    broken, made = compared(tmp_path / "broken.jsonl")
    assert len(made) == 14 - stop_after
    for name in SWEEP.contenders:
        assert broken.of(name) == whole.of(name)
    assert len(Records(tmp_path / "broken.jsonl", Setting())) == 14


def test_records_of_another_setting_are_refused_and_other_contenders_are_not(tmp_path):
    compared(tmp_path / "records.jsonl")
    assert len(Records(tmp_path / "records.jsonl", Setting(sweep=Sweep((), ())))) == 14
    with pytest.raises(OtherSetting, match=r"another setting: its steps is 10, and not 11\. Choose"):
        Records(tmp_path / "records.jsonl", Setting(steps=11))


RESULT = dict(curve=[[10, 0.1]], best=0.1, diverged=False, seconds=1.0)


@dataclasses.dataclass(frozen=True)
class Pooled:
    size: int = 3
    pool: int = 1


@dataclasses.dataclass(frozen=True)
class WithNetwork:
    network: Pooled = Pooled()
    sweep: Sweep = SWEEP
    steps: int = 10
    clip: float = 0.0


def test_a_field_newer_than_the_records_had_its_default(tmp_path):
    path = tmp_path / "records.jsonl"
    record = dict(contender="g@constant", learning_rate=0.1, options=[], seed=0, **RESULT)
    path.write_text(json.dumps(dict(record, setting=dict(network=dict(size=3), steps=10))) + "\n")
    assert len(Records(path, WithNetwork())) == 1
    for other, word in ((WithNetwork(Pooled(pool=2)), "network"), (WithNetwork(clip=0.5), "clip")):
        with pytest.raises(OtherSetting, match=f"another setting: its {word} is "):
            Records(path, other)


@pytest.mark.parametrize("missing", ["setting", "options", "seconds", "curve"])
def test_a_damaged_record_is_named(tmp_path, missing):
    path = tmp_path / "records.jsonl"
    compared(path)
    lines = path.read_text().splitlines()
    second = json.loads(lines[1])
    del second[missing]
    path.write_text("\n".join([lines[0], json.dumps(second), *lines[2:]]) + "\n")
    with pytest.raises(Damaged, match=rf"records.jsonl, line 2 is damaged: it has no '{missing}'. Delete this line"):
        Records(path, Setting())


def test_what_diverged_is_never_chosen(tmp_path):
    records = Records(tmp_path / "records.jsonl", Setting())
    for rate, best, diverged in ((0.1, 0.9, True), (0.2, 0.1, False), (0.3, None, True)):
        records.add(Trial("g@constant", rate, (), 0), dict(RESULT, best=best, diverged=diverged))
    assert choose(records, "g@constant", ACCURACY).learning_rate == 0.2
    assert choose(records, "g@constant", LOSS).learning_rate == 0.2


def test_equally_good_trials_do_not_depend_on_which_was_finished_first(tmp_path):
    rates = (0.1, 0.01, 0.3)
    for order in itertools.permutations(rates):
        records = Records(tmp_path / f"{order}.jsonl", Setting())
        for rate in order:
            records.add(Trial("g@constant", rate, (), 0), dict(RESULT, best=0.5))
        assert choose(records, "g@constant", ACCURACY).learning_rate == 0.01


def test_trials_at_an_earlier_choice_do_not_stand_for_missing_ones(tmp_path):
    records, _ = compared(tmp_path / "records.jsonl")
    assert count_missing(SWEEP, records, list_no_options, ACCURACY) == 0
    best = find_choice(records, "g@constant", ACCURACY).best
    records.add(best._replace(learning_rate=0.2), dict(RESULT, best=2.0))
    assert count_missing(SWEEP, records, list_no_options, ACCURACY) == SWEEP.seeds
    fewer = Records(tmp_path / "fewer.jsonl", Setting())
    fewer.add(best, made_up(best))
    assert count_missing(SWEEP, fewer, list_no_options, ACCURACY) == (3 + 2 - 1) + 2


class Experiment:
    TITLE, PICTURES, REFERENCE = "Made up", pictures.TEST_CURVES, "adam"
    METRIC, COLUMNS, PAPER = ACCURACY, {"test": ("test", ".2f")}, {"g@constant": {"test": 0.5}}


def test_an_optimizer_with_arguments_is_not_the_reference(tmp_path):
    """It is another one, even if it ends better."""
    records, _ = compared(tmp_path / "records.jsonl")
    other = "adam?beta_1=0.8@constant"
    for record in records.of("adam@constant"):
        better = {key: record[key] + 0.1 for key in ("best", "final")}
        trial = Trial(other, record["learning_rate"], (), record["seed"])
        records.add(trial, dict(made_up(trial._replace(contender="adam@constant")), **better))
    found = summarize(Experiment, records, [other, *SWEEP.contenders])
    assert {row["reference"] for row in found.values()} == {"adam@constant"}
    assert found["adam@constant"]["speed_up"] == 1.0
    assert "| steps to the worst of `adam@constant` |" in make_table(Experiment, found)


def test_the_table_says_what_the_trials_gave(tmp_path):
    records, _ = compared(tmp_path / "records.jsonl")
    found = summarize(Experiment, records, SWEEP.contenders)
    adam, sgd = found["adam@constant"], found["g@constant"]
    assert (adam["diverged_in_tuning"], adam["trials"], adam["diverged"], adam["seeds"]) == (1, 5, 0, 2)
    assert sgd["test"] == [pytest.approx(0.985), pytest.approx(0.01 / 2**0.5)]
    assert (sgd["reached"], sgd["steps"], sgd["speed_up"]) == (2, 10, 1.0)
    assert "| `g@constant`    | 0.1  " in make_table(Experiment, found)
    assert "0.98 ± 0.01 | 0.50 " in make_table(Experiment, found)
    assert "paper: test" in make_table(Experiment, found)
    assert "paper" not in make_table(Experiment, found, "own-en-de")  # whose numbers have nothing to do with it
    named = {"g / |v|@constant": next(iter(found.values()))}
    assert r"| `g / \|v\|@constant` |" in make_table(Experiment, named)  # a cell of Markdown ends at a plain |


@pytest.mark.parametrize("metric, expected", [(LOSS, 5.0), (ACCURACY, 3.0)])
def test_the_median_counts_what_diverged_as_the_worst(metric, expected):
    records = [dict(diverged=False, final=value) for value in (1.0, 3.0, 5.0, 100.0)]
    diverged = [dict(diverged=True, final=None)]
    assert find_median(metric, records + diverged, "final") == expected
    assert find_median(metric, records + 4 * diverged, "final") is None and find_median(metric, [], "final") is None


def test_the_table_has_medians_where_a_training_diverged(tmp_path):
    records, _ = compared(tmp_path / "records.jsonl")
    found = summarize(Experiment, records, SWEEP.contenders)
    assert "median of all" not in make_table(Experiment, found)
    chosen = find_choice(records, "g@constant", ACCURACY).best
    records.add(chosen._replace(seed=3), dict(made_up(chosen), test=None, diverged=True))
    table = make_table(Experiment, summarize(Experiment, records, SWEEP.contenders))
    head, _, *rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    (row,) = [row for row in rows if row[1] == "`g@constant`"]
    assert row[head.index("test")] == "0.98 ± 0.01"  # without what diverged
    # 0.99 and 0.98 and what diverged.
    assert row[head.index("median of all")] == "0.98" and row[head.index("diverged")] == "0 of 5, 1 of 3"


@pytest.mark.parametrize("done", [1, 6, 9, 11, 13])
def test_a_comparison_that_is_still_running_has_a_table_and_pictures(tmp_path, done):
    with pytest.raises(KeyboardInterrupt):
        compared(tmp_path / "records.jsonl", stop_after=done)
    records = Records(tmp_path / "records.jsonl", Setting(), reads_only=True)
    found = summarize(Experiment, records, records.contenders)
    table = make_table(Experiment, found)
    assert all(f"`{name}`" in table for name in records.contenders) and len(records) == done
    plot = pictures.Plot(Experiment, records, found, pictures.choose_styles(records.contenders))
    assert all(path.exists() for path in pictures.draw(plot, tmp_path / "made").values())


def test_a_file_without_records_is_not_reported(tmp_path):
    name = next(iter(EXPERIMENTS))
    (tmp_path / f"{name}-small.jsonl").write_text("")
    assert list(report.find_records(tmp_path)) == []


def test_a_picture_of_what_the_records_lack_is_left_out(tmp_path):
    records, _ = compared(tmp_path / "records.jsonl")
    plot = pictures.Plot(
        Experiment, records, summarize(Experiment, records, SWEEP.contenders), {"g@constant": {"color": "k"}}
    )
    usual = {"Validation during training", "Sensitivity to the learning rate"}
    assert set(pictures.draw(plot, tmp_path / "before")) == usual
    chosen = find_choice(records, "g@constant", ACCURACY).best
    records.add(chosen._replace(seed=9), dict(made_up(chosen), test_curve=[[5, 0.1], [10, 0.2]]))
    drawn = pictures.draw(plot, tmp_path / "after")
    assert set(drawn) == {*usual, "Test during training"}
    assert drawn["Test during training"] == tmp_path / "after-test.png" and drawn["Test during training"].exists()


def test_steps_count_to_where_every_adam_came():
    def record(*values):
        return dict(best=max(values), diverged=False, curve=[[i, value] for i, value in enumerate(values, 1)])

    adam = [record(0.1, 0.2, 0.5), record(0.1, 0.3, 0.4)]
    assert compare_steps(ACCURACY, adam, adam) == dict(reached=2, steps=3.0, speed_up=1.0)
    assert compare_steps(ACCURACY, [record(0.4, 0.4, 0.4)], adam) == dict(reached=1, steps=1.0, speed_up=3.0)
    assert compare_steps(ACCURACY, [record(0.4), record(0.3)], adam) == dict(reached=1, steps=None, speed_up=None)
    assert compare_steps(ACCURACY, [record(0.4)], []) == dict(reached=None, steps=None, speed_up=None)
    diverged = dict(record(0.4), diverged=True)
    assert compare_steps(ACCURACY, [diverged], adam) == dict(reached=0, steps=None, speed_up=None)


def test_the_report_renews_its_part_of_a_file_alone(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# Numbers\n\nBefore.\n")
    report.renew(path, "one")
    path.write_text(path.read_text() + "\nAfter.\n")
    report.renew(path, "two")
    text = path.read_text()
    assert text.startswith("# Numbers\n\nBefore.\n") and text.endswith("\nAfter.\n")
    assert "two" in text and "one" not in text and text.count(report.BEGIN) == 1
    report.renew(path, "two")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("adam", Contender("adam", "cosine")),
        ("PowerSign_cd@linear_cosine", Contender("powersign-cd", "linear_cosine")),
        ("sign(g) * m@constant", Contender("sign(g) * m", "constant")),
        ("powersign?base=2", Contender("powersign", "cosine", arguments=(("base", 2),))),
        ("addsign?beta=0.8&alpha=2@linear", Contender("addsign", "linear", 0.0, None, (("alpha", 2), ("beta", 0.8)))),
        ("sign(g) * m?beta_1=0.5", Contender("sign(g) * m", "cosine", arguments=(("beta_1", 0.5),))),
        (
            "sgd?nesterov=true&momentum=0.9",
            Contender("sgd", "cosine", 0.0, None, (("momentum", 0.9), ("nesterov", True))),
        ),
    ],
)
def test_contenders_are_read(text, read):
    assert read_contender(text, "cosine") == read
    optimizer = read.make(0.1, 100)
    assert callable(optimizer.learning_rate) or float(optimizer.learning_rate) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "argument", "value", "name"),
    [
        ("powersign?base=2.0", "base", 2.0, "powersign?base=2@constant"),
        ("addsign?beta=0.5&alpha=3", "alpha", 3.0, "addsign?alpha=3&beta=0.5@constant"),
        ("adam?beta_1=0.8@cosine", "beta_1", 0.8, "adam?beta_1=0.8@cosine"),
        ("powersign?decay=cd_2", "decay_steps", 100, "powersign?decay=cd_2@constant"),
        ("momentum?momentum=0.99", "momentum", 0.99, "momentum?momentum=0.99@constant"),
        ("powersign-cd?base=10&beta=0.99", "base", 10.0, "powersign-cd?base=10&beta=0.99@constant"),
    ],
)
def test_arguments_of_the_constructor_reach_it_and_are_a_part_of_the_name(text, argument, value, name):
    contender = read_contender(text)
    assert str(contender) == name and read_contender(name) == contender
    assert getattr(contender.make(0.1, 100), argument) == value


@pytest.mark.parametrize(
    ("name", "steps", "expected"),
    [
        ("stepwise", 10, {0: 1.0, 3: 1.0, 4: 0.2, 6: 0.2, 7: 0.04, 8: 0.04, 9: 0.008}),
        ("restarts", 7, {0: 1.0, 1: 1.0, 2: 0.5, 3: 1.0, 5: 0.5}),
        ("restarts", 70, {0: 1.0, 10: 1.0, 20: 0.5, 30: 1.0, 50: 0.5}),
        ("cosine", 10, {0: 1.0, 5: 0.5, 10: 0.0}),
        ("linear_cosine", 10, {0: 1.0, 5: 0.25, 10: 0.0}),
    ],
)
def test_a_decay_lowers_the_rate(name, steps, expected):
    schedule = SCHEDULES[name](1.0, steps)
    assert {step: pytest.approx(float(schedule(step)), abs=1e-6) for step in expected} == expected


@pytest.mark.parametrize("steps", range(7, 300, 13))
def test_no_restart_is_close_to_the_end(steps):
    assert float(SCHEDULES["restarts"](1.0, steps)(steps - 1)) < 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("powersign?bass=2", r"powersign\?\.\.\. must have arguments of powersign.*base=VALUE, .*Received: 'bass=2'"),
        ("powersign?base", "Received: 'base'"),
        ("powersign?base=2&base=3", "each once: .*Received: 'base=3'"),
        ("powersign2?base=3", "each once: beta=VALUE, decay=VALUE. Received: 'base=3'"),
        ("powersign?base=two", r"powersign\?base=VALUE must have a finite number as VALUE. Received: 'two'"),
        ("powersign?base=nan", "must have a finite number"),
        ("powersign?base=-1", r"powersign\?base=-1 is invalid: Argument `base` must be a finite number > 0"),
        ("powersign?beta=1", "is invalid: Argument `beta` must be a number >= 0 and < 1"),
        ("powersign?decay=up", "is invalid: Argument `decay` must be"),
        ("adam?beta_1=5", r"beta_1=VALUE must have a number in \[0, 1\) as VALUE"),
        ("adam?learning_rate=5", "Received: 'learning_rate=5'"),
        ("sgd?nesterov=1", "true or false"),
        ("adaam", "adam"),
        ("adam@cosin", "one of constant, linear, cosine"),
        ("run:nowhere#1", "nowhere is not a run"),
        ("run:nowhere", "run:RUN#K"),
    ],
)
def test_contenders_that_are_none_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        read_contender(text)
