"""Training curves with fresh seeds: what is in a ledger is drawn, and nothing else is."""

import dataclasses

import ledgers
import pytest
from pages import Page

from neural_optimizer_search.report.leaders import choose_leaders
from neural_optimizer_search.report.markup import html
from neural_optimizer_search.report.training_curves import find_curve, training_curves
from neural_optimizer_search.search.intervals import find_interval


def test_a_curve_is_the_mean_over_the_seeds_with_its_interval(recorded):
    run = recorded("raced")
    first = choose_leaders(run)[0]
    curve, fresh = find_curve(first, run.final_steps), first.contender.fresh
    assert curve is not None and fresh is not None and run.final_steps == 25
    assert curve.steps == pytest.approx([25 / 3, 50 / 3, 25])
    assert curve.intervals[-1] == find_interval(fresh.rewards)
    assert curve.intervals[0].mean == pytest.approx(0.5 * curve.intervals[-1].mean)


def test_the_best_three_and_two_known_optimizers_are_drawn(recorded):
    text = html(training_curves(recorded("raced")))
    assert "At the end: Rule 1 0.6925 ± 0.0152, Rule 2 " in text and "AddSign " in text and "Adam " in text
    assert text.count('class="band ') == text.count('class="line ') - 5 == 10  # in two sizes; five in the legend


@pytest.mark.parametrize("name", ["whole", "nothing", "only known"])
def test_without_fresh_seeds_there_is_no_section(recorded, name):
    assert training_curves(recorded(name)) is None


def test_of_a_ledger_from_before_curves_were_kept_there_is_no_section(recorded):
    run = recorded("raced")
    before = {key: dataclasses.replace(e, curves=()) for key, e in run.fresh.items()}
    assert training_curves(dataclasses.replace(run, fresh=before)) is None


def test_one_seed_has_no_band_to_speak_of(recorded):
    text = Page(html(training_curves(recorded("one fresh seed")))).text
    assert "Training curves" in text and "At the end" not in text  # it is the label of the picture


def test_odd_curves_are_left_out(recorded):
    run = recorded("odd fresh")
    kept = [e.curves for e in run.fresh.values()]
    assert ((1e308, -1e308),) not in kept and ((),) in kept
    assert len(ledgers.odd_fresh()[3].curves) == 1
    text = html(training_curves(run))
    assert "nan" not in text and "inf" not in text.replace("information", "")
