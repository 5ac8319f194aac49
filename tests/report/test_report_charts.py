"""Pictures are XML, all their numbers are, and marks lie within them."""

import dataclasses
import math
import re
import xml.etree.ElementTree as ET

import ledgers
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.report import axes, charts, marks, pictures
from neural_optimizer_search.report import points as points_of
from neural_optimizer_search.report.columns import History
from neural_optimizer_search.report.markup import html
from neural_optimizer_search.report.sweeps import share_axes, sweep_chart
from neural_optimizer_search.report.tree import MOST_LEAVES, tree

HUGE, NAN = 1e308, float("nan")
NUMBERS = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "d")


def check(made):
    """The picture, parsed again, after a look at its every number."""
    root = ET.fromstring(html(made))
    assert root.get("aria-label") or root.get("aria-hidden")
    for node in root.iter():
        for name in NUMBERS:
            if name in node.attrib:
                assert re.fullmatch(r"([MLHVClmz ]*-?\d+(\.\d+)?)+[ z]*", node.get(name)), ET.tostring(node)
    return root


def find(root, class_):
    return [node for node in root.iter() if node.get("class") == class_]


def history(rewards):
    """That of a search that proposed one rule again and again."""
    return History([Sample(0, parse_formula("g"), reward, key="g") for reward in rewards])


@pytest.mark.parametrize(
    "rewards", [[], [0.5], [0.5] * 3, [-1.0, 0.0], [0.0, 1e99], [0.5, 0.5 + 1e-16], [1e-300, 0.0]]
)
@pytest.mark.parametrize("known", [(), (charts.Reference("Adam", 0.7), charts.Reference("SGD", 0.65))])
def test_rewards(rewards, known):
    points = history(rewards)
    drawn = pictures.both_widths(
        lambda size: charts.draw_rewards(points, len(points) + 2, known, 2, size), "Rewards."
    )
    for made in drawn:
        root = check(made)
        assert sum(len(find(root, mark)) for mark in ("new", "again", "below")) == len(rewards)
        assert (len(find(root, "known")), len(find(root, "known other"))) == ((1, 1) if known else (0, 0))


KNOWN = (charts.Reference("Adam", 0.88, "adam"), charts.Reference("SGD", 0.8, "sgd"), charts.Reference("Lion", 0.0))


def samples_of_each_kind():
    def sample(formula, reward, key, alike=False):
        return Sample(0, parse_formula(formula), reward, key, alike=alike)

    return [
        sample("m", 0.85, "m"),
        sample("m", 0.85, "m"),
        sample("m + eps", 0.85, "m", alike=True),
        sample("Adam + eps", 0.88, "adam", alike=True),
        sample("Adam", 0.88, "adam"),
        sample("g^3", 0.87, "stopped"),
        sample("2", 0.3, "low"),
        sample("v", 0.2, "stopped too"),
    ]


def test_each_kind_of_rule_has_its_mark():
    tuned = dataclasses.replace(ledgers.tuned()[1], reward=0.875)
    points = History(samples_of_each_kind(), {"stopped", "stopped too"}, {"adam", "sgd"}, [(1, tuned)])
    root = check(
        pictures.picture(1, 1, *charts.draw_rewards(points, 8, KNOWN, None, pictures.WIDE), label="Rewards.")
    )
    said = {mark: [made[0].text for made in find(root, mark)] for mark in (*points_of.MARKS.values(), "below")}
    assert said == {
        "new": ["1: m, reward 0.8500"],
        "again": ["2: m, again, reward 0.8500", "5: Adam, which is Adam, reward 0.8800"],
        "alike": ["3: m + eps, ≈ an earlier rule, reward 0.8500", "4: Adam + eps, ≈ Adam, reward 0.8800"],
        "stopped": ["6: g^3, stopped, estimated reward 0.8700"],
        "tuned": ["after 8: g, beta_1=0.5, tuned, reward 0.8750"],
        "below": ["8: v, stopped, estimated reward 0.2000", "7: 2, reward 0.3000"],
    }
    # Neither an estimate nor what a known optimizer was paid is the best so far.
    assert points.best_so_far == [(1, 0.85), (8, 0.875), (8, 0.875)]
    assert {made.tag for made in find(root, "new") + find(root, "stopped")} == {"circle"}


def test_the_axis_begins_where_the_known_optimizers_are():
    points = History(samples_of_each_kind(), {"stopped", "stopped too"}, {"adam", "sgd"})
    low, high = charts.find_reward_range(points, KNOWN)
    assert 0.79 < low < 0.8 and high == 0.88
    # The best rule is on the axis, however bad it is; and without known optimizers all are.
    assert charts.find_reward_range(history([0.3, 0.5]), KNOWN[:2])[0] == pytest.approx(0.5, abs=0.05)
    assert charts.find_reward_range(history([0.3, 0.5]), ()) == (0.0, 0.5)


@pytest.mark.parametrize("places", [[], [5.0], [5.0, 5.0, 6.0, 90.0], [99.0] * 5])
def test_names_are_spread(places):
    spread = charts.spread(places, 10, 100)
    assert len(spread) == len(places)
    assert all(after - before >= 10 for before, after in zip(spread, spread[1:]))
    assert all(place <= 100 for place in spread)


def test_the_best_are_among_the_dots_of_a_long_search():
    points = history([0.9 if k == 777 else 0.1 for k in range(1, 5000)])
    made = pictures.picture(1, 1, *charts.draw_rewards(points, 5000, (), 10, pictures.NARROW), label="Rewards.")
    titles = [title.text for title in check(made).iter("title")]
    assert len(titles) < 2 * pictures.NARROW.marks
    assert "777: g, again, reward 0.9000" in titles


SWEEPS = {
    "usual": ((1e-3, 2.0), (1e-2, 1.0), (1e-1, 1.5)),
    "diverged": ((1e-3, 2.0), (1e-2, None), (1e-1, NAN)),
    "nothing": (),
    "only diverged": ((1e-3, None),),
    "huge": ((1e-300, 1.0), (1e-3, HUGE), (1e-2, -HUGE), (1.0, math.inf), (HUGE, 1.0), (math.inf, 1.0), (NAN, 1.0)),
    "no rate": ((0.0, 1.0), (-1.0, 1.0)),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_sweep(name):
    shared = share_axes(list(SWEEPS.values()))
    for with_others in (shared, share_axes([SWEEPS[name]]), share_axes([])):
        check(sweep_chart(SWEEPS[name], 1e-2, with_others, "it"))


def test_sweep_shows_what_happened_at_each_rate():
    sweep = ((1e-4, 1.2), (1e-3, 1.0), (1e-2, 1.1), (1e-1, 1.3), (1.0, 1.4), (10.0, 99.0), (100.0, None))
    root = check(sweep_chart(sweep, 1e-3, share_axes([sweep]), "it"))
    said = {class_: [mark[0].text for mark in find(root, class_)] for class_ in ("chosen", "beyond", "diverged")}
    assert said == {
        "chosen": ["learning rate 0.001: 1, chosen"],
        "beyond": ["learning rate 10: 99"],
        "diverged": ["learning rate 100: diverged"],
    }
    assert len(find(root, "tried")) == 4
    assert "100: diverged" in root.get("aria-label")


def test_best_of_runs():
    curves = [charts.Curve(f"<{k}>", [(1, 0.1), (2, 0.1 * k)]) for k in range(9)] + [charts.Curve("nothing", [])]
    drawn = charts.draw_best_of_runs(curves, charts.Reference("Adam", 0.5), pictures.WIDE)
    root = check(pictures.picture(1, 1, *drawn, label="Best."))
    assert [path[0].text for path in root.iter("path")] == [f"<{k}>" for k in range(9)]
    assert len({path.get("class") for path in root.iter("path")}) == 9


@pytest.mark.parametrize("rewards", [(), (0.5,), (0.1, 0.9), (NAN, HUGE, 0.5)])
def test_seeds(rewards):
    check(marks.seeds(rewards, rewards[0] if rewards else 0.0, 0.0, 1.0))
    check(marks.seeds(rewards, 0.5, 0.5, 0.5))


@pytest.mark.parametrize("mean", [0.5, 0.2, -7.0, HUGE])
@pytest.mark.parametrize("half", [None, 0.0, 0.1, HUGE, NAN])
def test_whisker(mean, half):
    root = check(marks.whisker(mean, half, 0.45, 0.6, 0.4, 0.9))
    assert len(find(root, "center")) == (abs(mean) < 1e100)
    is_whisker = half is not None and half < 1
    assert len(find(root, "interval")) == (3 if is_whisker and mean < 1e100 else 0)
    assert len(find(root, "known")) == len(find(root, "saw")) == 1


def test_a_whisker_is_where_its_numbers_are():
    root = check(marks.whisker(0.7, 0.1, 0.75, 0.6, 0.5, 0.9))
    (line, *_), (dot,), (ring,), (known,) = (find(root, mark) for mark in ("interval", "center", "saw", "known"))
    left, right = float(line.get("x1")), float(line.get("x2"))
    assert left < float(dot.get("cx")) < float(ring.get("cx")) < right
    assert float(known.get("x1")) == pytest.approx(left)
    assert root.get("aria-label") == (
        "0.7000 with fresh seeds, 95 % interval 0.6000 to 0.8000; the search saw 0.7500."
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0, 7.0, -1.0])
def test_bar(share):
    check(marks.bar(share, "top"))


def test_ticks():
    assert axes.linear_scale([0.12, 0.47], 0, 1, floor=0.0).ticks(5) == [
        (0.0, "0"), (0.1, "0.1"), (0.2, "0.2"), (pytest.approx(0.3), "0.3"), (0.4, "0.4"), (0.5, "0.5"),
    ]  # fmt: skip
    for scale, count, labels in (
        (axes.logarithmic_scale([1e-3, 10.0], 0, 1, 4), 5, ["10⁻³", "10⁻²", "10⁻¹", "10⁰", "10¹"]),
        (axes.counting_scale(3, 0, 1), 10, ["0", "1", "2", "3"]),
        (axes.counting_scale(25000, 0, 1), 5, ["0", "5,000", "10,000", "15,000", "20,000", "25,000"]),
    ):
        assert [label for _, label in scale.ticks(count)] == labels


@pytest.mark.parametrize(
    "formula, words",
    [
        ("g", ["g"]),
        ("-exp(1e-4*w)", ["1e-4 w", "exp", "negate"]),
        ("clip(m, 1e-3) / sqrt(|v|) ^ 2", ["m", "clip 1e-3", "v", "√|·|", "2", "^", "÷"]),
    ],
)
def test_tree(formula, words):
    root = check(tree(parse_formula(formula)))
    assert [text.text for text in root.iter("text")] == words
    assert len(list(root.iter("path"))) == len(words) - 1
    width = float(root.get("width"))
    for box in root.iter("rect"):
        assert 0 <= float(box.get("x")) <= float(box.get("x")) + float(box.get("width")) <= width


def test_boxes_of_a_tree_do_not_overlap():
    made = tree(parse_formula("(clip(g, 1e-5) + exp(m)) * drop(g * m * v * gamma, 0.5) / sigmoid(RMSProp + 1)"))
    rows = {}
    for box in check(made).iter("rect"):
        rows.setdefault(box.get("y"), []).append((float(box.get("x")), float(box.get("width"))))
    for boxes in rows.values():
        boxes.sort()
        for (x, width), (following, _) in zip(boxes, boxes[1:]):
            assert x + width < following


def test_a_tree_that_nobody_could_look_at_is_not_drawn():
    assert tree(parse_formula("*".join("g" * (MOST_LEAVES + 1)))) is None


@pytest.mark.parametrize("last", [7, 300, 20_000, 300_000, 5_000_000])
def test_no_tick_is_cut_off(last):
    for size in (pictures.WIDE, pictures.NARROW):
        x = axes.counting_scale(last, axes.LEFT, size.width - axes.RIGHT)
        y = axes.linear_scale([0.0, 1.0], size.height - axes.BOTTOM, axes.TOP)
        drawn = axes.frame(x, y, "rules", "reward", size.ticks)
        for label in [node for node in drawn.iter("text") if float(node.get("y")) == y.start + 17]:
            width = axes.DIGIT * len(label.text)
            after = 0 if label.get("class") == "tick end" else width / 2
            assert float(label.get("x")) + after <= size.width
