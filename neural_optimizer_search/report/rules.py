"""The best rules of a search, one by one, beside the known optimizers."""

from neural_optimizer_search.dsl.rule import Iteration
from neural_optimizer_search.report import charts, wording
from neural_optimizer_search.report.markup import element
from neural_optimizer_search.report.mathml import math
from neural_optimizer_search.report.page import copy_button, scrolling, section, table
from neural_optimizer_search.report.run import is_plottable
from neural_optimizer_search.report.statistics import spread
from neural_optimizer_search.report.tree import tree


def leaderboard(run, count):
    """The best rules and, under them, the known optimizers."""
    top = run.top[:count]
    if not top and not run.baselines:
        return section("Best rules", element("p", "No rule has been measured yet."), id_="best")
    shown = [*top, *(e for _, e in run.baselines)]
    rewards = [reward for e in shown for reward in (*e.rewards, e.reward) if is_plottable(reward)]
    # Of one seed there is nothing to see that the number does not say.
    ends = (min(rewards), max(rewards)) if max(len(e.rewards) for e in shown) > 1 and rewards else None
    found = [[str(rank), *_row(e, ends)] for rank, e in enumerate(top, 1)]
    known = [["", *_row(e, ends, name)] for name, e in run.baselines]
    head = ("", "reward", "update rule", *(("reward of each seed",) if ends else ()), "accuracy", "learning rate")
    note = (
        f"{_seeds(shown)} All on the validation data that chose the rules and their learning rates, so the best are "
        "flattered; known optimizers had the same learning rates to choose from. Accuracy: validation accuracy, or "
        "your own task's score, at the end of the final run."
    )
    rows = table(
        head,
        found or [["", "", "No proposed rule has been measured with success.", *[""] * (len(head) - 3)]],
        ["Known optimizers, by the same protocol", *known] if known else [],
        numbers=(0, 1, len(head) - 2, len(head) - 1),
    )
    return section(
        "Best rules",
        element("p", "w ← w − learning rate · rule", class_="note"),
        scrolling(rows, "Leaderboard"),
        element("p", note, class_="note"),
        id_="best",
    )


def cards(run, count):
    """Each of the best rules: formula, tree, learning rates, and itself to take along."""
    top = run.top[:count]
    if not top:
        return None
    shared = charts.sweep_axes([e.sweep for e in (*top, *(e for _, e in run.baselines))])
    note = (
        "For each rule its expression tree, and the validation loss after a short training at each learning rate: "
        "the filled dot is the rate of the final run, a cross is a rate that diverged, a triangle one whose loss "
        "lies above the axis. All these axes have the same scale; where that of the learning rate begins, differs."
    )
    return section(
        "The best rules, one by one",
        element("p", note, class_="note"),
        [_card(rank, e, shared) for rank, e in enumerate(top, 1)],
        id_="rules",
    )


def baseline_sweeps(run, count):
    """How the known optimizers depend on the learning rate, on the axes of the rules."""
    if not run.baselines:
        return None
    shared = charts.sweep_axes([e.sweep for e in (*run.top[:count], *(e for _, e in run.baselines))])
    return section(
        "Learning rates of the known optimizers",
        element("p", "To the scale of the rules above.", class_="note"),
        element(
            "div",
            [
                element("div", element("h3", name), charts.sweep(e.sweep, e.learning_rate, shared, name))
                for name, e in run.baselines
            ],
            class_="small",
        ),
        id_="known",
    )


def _row(e, ends, name=None):
    status = [" ", element("span", e.status, class_="status")] if e.status != "ok" else None
    called = [element("span", name, class_="name"), " "] if name and name != e.rule.formula() else None
    return [
        wording.with_spread(e.reward, spread(e.rewards)),
        element("td", called, math(e.rule), status, class_="rule"),
        *([charts.seeds(e.rewards, e.reward, *ends)] if ends else []),
        wording.score(e.accuracy),
        wording.rate(e.learning_rate),
    ]


def _seeds(evaluations):
    counts = sorted({len(e.rewards) for e in evaluations if e.rewards})
    if counts in ([], [1]):
        return "Reward: of one training seed."
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Reward: mean ± standard deviation over {span} training seeds."


# -- Cards -----------------------------------------------------------------------------------------


def _card(rank, e, shared):
    numbers = (
        f"reward {wording.with_spread(e.reward, spread(e.rewards))}, accuracy {wording.score(e.accuracy)}, "
        f"learning rate {wording.rate(e.learning_rate)}, trained for {wording.duration(e.seconds)}"
    )
    return element(
        "article",
        element(
            "header", element("h3", f"Rule {rank}", id=f"rule-{rank}"), element("span", numbers, class_="numbers")
        ),
        element("div", math(e.rule, "block"), class_="formula", tabindex=0, role="group", aria_label="Formula"),
        element(
            "div",
            element("div", element("h4", "Expression tree"), _tree(e.rule)),
            element(
                "div",
                element("h4", "Sensitivity to the learning rate"),
                charts.sweep(e.sweep, e.learning_rate, shared, f"rule {rank}"),
            ),
            class_="pair",
        ),
        element("dl", _forms(rank, e.rule), class_="forms"),
        element("p", wording.shortened(e.message), class_="note") if e.status != "ok" else None,
        class_="card",
        aria_labelledby=f"rule-{rank}",
    )


def _tree(rule):
    drawn = tree(rule)
    if drawn is None:
        return element("p", "Too large to draw.", class_="note")
    return element("div", drawn, class_="tree-box", tabindex=0, role="group", aria_label="Expression tree")


def _forms(rank, rule):
    """The rule as text for other programs, each with its button."""
    tokens, source = f"[{', '.join(map(str, rule.to_tokens()))}]", rule.to_source(f"FoundOptimizer{rank}")
    words = " ".join(f"{field}={word}" for row in rule.iterations for field, word in zip(Iteration._fields, row))
    code = element("pre", source, id=f"source-{rank}", tabindex=0, aria_label=f"Python source of rule {rank}")
    summary = element("summary", f"a Keras optimizer in {source.count(chr(10))} lines, which needs TensorFlow alone")
    parts = (
        ("Formula", "formula", _line(f"formula-{rank}", rule.formula(), "RuleOptimizer(…) reads it")),
        ("Tokens", "tokens", _line(f"tokens-{rank}", tokens, f"Rule.from_tokens(…) reads them: {words}")),
        ("Python", "source", element("details", summary, code)),
    )
    return [
        element(
            "div",
            element("dt", title),
            element("dd", shown, copy_button(f"{kind}-{rank}", f"rule {rank} as {kind}")),
        )
        for title, kind, shown in parts
    ]


def _line(id_, text, title):
    return element("code", text, id=id_, class_="code", tabindex=0, title=title)
