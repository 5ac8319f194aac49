"""The statistics that a report shows, by hand."""

import dataclasses
from types import SimpleNamespace

import ledgers
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.printing import text
from neural_optimizer_search.report import outcomes
from neural_optimizer_search.report import statistics as stats
from neural_optimizer_search.report.columns import AGAIN, NEW
from neural_optimizer_search.report.outcomes import failure_messages, sampled_outcomes, trained_outcomes
from neural_optimizer_search.report.run import read
from neural_optimizer_search.report.steps import Spent, count_steps, steps


def rules(*formulas):
    return [parse_formula(formula) for formula in formulas]


def test_deviation():
    def deviation(*rewards):
        return stats.deviation(dataclasses.replace(ledgers.found()[0], rewards=rewards))

    assert deviation(0.5) is None
    assert deviation(1.0, 3.0) == pytest.approx(2**0.5)
    assert deviation(1.0, float("nan")) is None


def test_history_knows_what_was_proposed_before(tmp_path):
    run = read(ledgers.write(tmp_path, ledgers.found()[:2], screened_out=3))
    points = run.history
    assert [point.number for point in points] == [4, 5, 6, 7]  # the first three have no reward
    assert [point.kind for point in points] == [NEW, NEW, AGAIN, AGAIN]
    assert [point.reward for point in points] == pytest.approx([0.7, 0.65, 0.7, 0.65])


def test_improvements():
    pairs = [(1, 0.2), (2, float("inf")), (3, 0.1), (4, 0.5), (5, 0.4)]
    assert stats.improvements(pairs) == [(1, 0.2), (4, 0.5), (5, 0.5)]
    assert stats.improvements([]) == []


def test_moving_mean():
    assert stats.moving_mean([1, 4, 5], [0.0, 1.0, 5.0], 2, most=10) == [(4, 0.5), (5, 3.0)]
    assert stats.moving_mean([1, 4, 5], [0.0, 1.0, 5.0], 2, most=1) == [(4, 0.5)]


def test_sub_expressions_have_one_spelling():
    parts = {text(part) for part in stats.sub_expressions(parse_formula("g - exp(m * g)"))}
    assert parts == {text(part) for part in stats.sub_expressions(parse_formula("-exp(g * m) + g"))}
    assert {"g", "m", "g * m", "exp(g * m)"} <= parts
    assert not any(part.startswith("-") for part in parts)


def test_building_blocks():
    top = rules("exp(g) * m", "exp(g) - v", "g")
    blocks, *_ = stats.find_building_blocks(top, top + rules("v", "m", "2"))
    shares = {text(block.expression): (block.top, block.sampled) for block in blocks}
    assert shares == {"g": (1.0, 0.5), "exp(g)": (2 / 3, 1 / 3)}  # the others are in one top rule
    assert text(blocks[0].expression) == "g"


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("exp(sign(g) * sign(m)) * g", True),
        ("exp(sign(m) * sign(g)) * g", True),
        ("(1 + ld * sign(g) * sign(m)) * g", True),
        ("sign(g) * (ld * -sign(m))", True),
        ("sign(g) / sign(m) - 1", True),
        ("sign(m * g)", True),
        ("sign(m * g^3 * m)", True),
        ("sign(g) + sign(m)", False),
        ("sign(g) * m", False),
        ("sign(g + m)", False),
        ("sign(g^2 * m)", False),
    ],
)
def test_agreement(formula, expected):
    assert stats.count_parts(rules("g", formula)).agreeing == ([2] if expected else [])


def test_the_parts_of_all_rules_are_counted():
    counted = stats.count_parts(rules("exp(g) * m", "sign(g) * sign(m)", "g"))
    assert (counted.rules, counted.agreeing) == (3, [2])
    assert {text(part): n for part, n in counted.counts.items()}["g"] == 2
    assert stats.count_parts([]) == ({}, 0, [])


def test_thin_out():
    assert stats.thin_out(list(range(10)), 20) == list(range(10))
    assert stats.thin_out(list(range(10)), 5) == [0, 2, 4, 6, 8]


def test_outcomes(tmp_path):
    found = ledgers.found()[:4]
    found[1] = dataclasses.replace(found[1], status="diverged", message="It diverged.")
    found[2] = dataclasses.replace(found[2], status="out of memory", message="Too much.")
    found[3] = dataclasses.replace(found[3], cached=True)
    run = read(ledgers.write(tmp_path, found, screened_out=5))
    sampled = {outcome.name: outcome.count for outcome in sampled_outcomes(run)}
    assert sampled == {
        "screened out: the update does not descend": 5, "repeated": 4, "taken from the cache": 1, "trained": 3,
    }  # fmt: skip
    assert sum(sampled.values()) == run.counts["sampled"] == len(run.samples)
    trained = {outcome.name: outcome.count for outcome in trained_outcomes(run)}
    assert trained == {"ok": 1, "diverged": 1, "out of memory": 1}
    assert failure_messages(run) == [(("diverged", "It diverged."), 1), (("out of memory", "Too much."), 1)]


def test_the_median_time_of_four_rules_lies_between_two():
    run = SimpleNamespace(measured=SimpleNamespace(seconds=[5.0, 1.0, 2.0, 3.0]))
    assert outcomes._time(run).endswith("the median per rule was 2.5 s, the maximum 5 s.")


def test_steps_that_nobody_recorded_are_not_counted(tmp_path):
    """As of a search that an earlier release began."""
    before, now = ledgers.found()[:2], ledgers.with_steps(ledgers.found()[2:4])
    assert steps(read(ledgers.write(tmp_path / "before", before, ledgers.known()))) is None
    run = read(ledgers.write(tmp_path / "both", [*before, *now, *ledgers.stopped()]))
    assert count_steps(run) == [Spent("rules measured in full", 4, 400), Spent("rules that were stopped", 2, 100)]
    _, _, said = steps(run)
    assert [p.text for p in said] == ["Not included: 2 rules that were trained before steps were recorded."]


def test_what_was_measured_of_an_unfinished_step_is_among_the_samples(tmp_path):
    """Such as the last step, in which the budget ended, whose rule may be the best."""
    run = read(ledgers.write(tmp_path, ledgers.found()[2:4], screened_out=1, unfinished=ledgers.found()[:2]))
    assert run.counts["sampled"] == len(run.samples) == 7 and run.counts["repeated"] == 2
    assert (
        [s.rule for s in run.samples[-2:]] == [s.rule for s in list(run.samples)[5:]] == [e.rule for e in run.top[:2]]
    )
    assert run.history.numbers[-2:].tolist() == [6, 7] and max(run.history.rewards) == run.top[0].reward
    with pytest.raises(IndexError):
        run.samples[7]
