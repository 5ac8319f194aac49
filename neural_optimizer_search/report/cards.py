"""A card for each of the best rules of a search, and the learning-rate sweeps of the known optimizers."""

from typing import Optional

from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.exports import FRAMEWORKS
from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.dsl.rule_tokens import Iteration
from neural_optimizer_search.measuring.evaluation import shorten_tasks
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import wording
from neural_optimizer_search.report.board_columns import is_shorter, say_alike, say_rates
from neural_optimizer_search.report.formulas import broken_lines, formula
from neural_optimizer_search.report.leaderboard import best_rules
from neural_optimizer_search.report.marks import describe_interval
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.page import copy_button, section
from neural_optimizer_search.report.response import STEPS_BEFORE, response_chart
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.report.statistics import deviation
from neural_optimizer_search.report.sweeps import share_axes, sweep_chart
from neural_optimizer_search.report.tree import tree

# Note on a learning-rate sweep: none is made with tuned constants.
BEFORE = "Measured before the constants were tuned."
_RESPONSE_NOTE = (
    f"The last chart of a rule shows its update for one gradient after {STEPS_BEFORE} gradients of 1, relative to "
    "its update for one more gradient of 1. Right of 0, the gradient has the sign of the average; left of 0, the "
    "opposite sign. The dashed line is Adam. For a rule with noise, the chart shows the mean."
)


def cards(run: RecordedSearch) -> Optional[Element]:
    """The section with the best rules: formula, tree, learning rates and text to copy; None if there are none."""
    top = best_rules(run)
    if not top:
        return None
    shared = _sweep_axes(run)
    note = (
        "Each rule is shown with its expression tree and the validation loss after a short training at each learning "
        "rate: the filled dot is the rate of the final run, a cross is a rate that diverged, and a triangle is a "
        "loss above the axis. All charts use one scale; only the range of learning rates differs."
    )
    if run.ranking.tasks:
        note = "Each rule is shown with its expression tree. Learning-rate sweeps on several tasks are not recorded."
    return section(
        "The best rules, one by one",
        element("p", f"{note} {_RESPONSE_NOTE}", class_="note"),
        [_card(rank, one, shared, run) for rank, one in enumerate(top, 1)],
        id_="rules",
    )


def baseline_sweeps(run: RecordedSearch) -> Optional[Element]:
    """The section with the sweeps of the known optimizers, on the axes of the rules; None if there are none."""
    if not run.baselines or run.ranking.tasks:
        return None
    shared = _sweep_axes(run)
    known, forms = run.ranking.known, dict(run.baselines)
    tuned = f" {BEFORE}" if any(one.evaluation.form for one in known) else ""
    charts = [
        element("div", element("h3", name), sweep_chart(e.sweep, e.learning_rate, shared, name))
        for name, e in ((one.name, forms[one.name]) for one in known)
    ]
    return section(
        "Learning rates of the known optimizers",
        element("p", f"Drawn to the same scale as the rules above.{tuned}", class_="note"),
        element("div", charts, class_="small"),
        id_="known",
    )


def _sweep_axes(run):
    forms = [run.find_form(one.evaluation) for one in best_rules(run)]
    return share_axes(e.sweep for e in (*filter(None, forms), *(e for _, e in run.baselines)))


def _card(rank, one, shared, run):
    e, shortest = one.evaluation, run.shorten(one)
    name = f"rule-{rank}"
    like = [element("p", "Behaves like ", formula(shortest), class_="note")] if is_shorter(shortest, e.rule) else None
    alike = [element("p", f"{say_alike(one)}.", class_="note")] if one.alike else None
    return element(
        "article",
        element(
            "header",
            element("h3", f"Rule {rank}", id=name),
            element("span", _numbers(one, run.score_words), class_="numbers"),
        ),
        element("div", broken_lines(e.rule), class_="formula", tabindex=0, role="group", aria_label="Formula"),
        like,
        alike,
        element("p", _cost(e.rule), class_="note"),
        element(
            "div",
            element("div", element("h4", "Expression tree"), _tree(e.rule)),
            element(
                "div", None if e.parts else _sensitivity(rank, e, run.find_form(e), shared), _response(rank, e.rule)
            ),
            class_="pair",
        ),
        element("dl", _forms(rank, e, shortest), class_="forms"),
        element("p", wording.shorten(e.message), class_="note") if e.status != "ok" else None,
        class_="card",
        aria_labelledby=name,
    )


def _response(rank, rule):
    chart = response_chart(rule, f"rule {rank}")
    return element("div", element("h4", "Response to a gradient"), chart) if chart else None


def _sensitivity(rank, evaluation, form, shared):
    """The learning-rate sweep of a rule; with tuned constants, the sweep before tuning."""
    title = element("h4", "Sensitivity to the learning rate")
    if form is None:
        return element("div", title, element("p", "No other rate was tried with these constants.", class_="note"))
    note = element("p", BEFORE, class_="note") if form is not evaluation else None
    return element("div", title, sweep_chart(form.sweep, form.learning_rate, shared, f"rule {rank}"), note)


def _numbers(one, words):
    e = one.evaluation
    setting = f" ({e.training_setting})" if e.training_setting else ""
    saw = f"{words.reward} {wording.score_with_deviation(e.reward, deviation(e))}"
    if one.fresh:
        own = "" if one.last.parts else f", {words.title} {wording.score(one.fresh.accuracy)}"
        saw = f"{describe_interval(one.interval)}{own}; the search saw {saw}"
    short = shorten_tasks([part.task for part in one.last.parts])
    beside = [f"on {short[part.task]} {wording.score(part.score)}" for part in one.last.parts]
    beside = beside or [f"{words.title} {wording.score(e.accuracy)}"]
    trained = (
        f"learning rate{'s' if e.parts else ''} {say_rates(e)}{setting}, trained for {wording.duration(e.seconds)}"
    )
    return ", ".join([saw, *beside, trained])


def _cost(rule):
    """Describes the state that a rule keeps, and names its slow words."""
    kept, slow = rule.averages, rule.per_tensor
    numbers = f"{count_of(len(kept), 'number')} for each weight: {', '.join(kept)}"
    state = f"Keeps {numbers if kept else 'nothing but the weights'}."
    if not slow:
        return state
    words = " and ".join(filter(None, [", ".join(slow[:-1]), slow[-1]]))
    what = (
        "a function of the whole tensor, which is" if len(slow) == 1 else "functions of the whole tensor, which are"
    )
    return f"{state} Uses {words}, {what} slower."


def _tree(rule):
    drawn = tree(rule)
    if drawn is None:
        return element("p", "Too large to draw.", class_="note")
    return element("div", drawn, class_="tree-box", tabindex=0, role="group", aria_label="Expression tree")


def _forms(rank, e, shortest):
    """The rule as formula, tokens and source code, each with a copy button."""
    rule = e.rule
    words = " ".join(f"{field}={word}" for row in rule.iterations for field, word in zip(Iteration._fields, row))
    tokens = _line(f"tokens-{rank}", _write_tokens(rule), f"Rule.from_tokens(…) reads them: {words}")
    parts = (
        ("Formula", "formula", "formula", _line(f"formula-{rank}", rule.formula(), "RuleOptimizer(…) reads it")),
        *(
            [
                (
                    "Shortest",
                    "shortest",
                    "shortest formula",
                    _line(f"shortest-{rank}", shortest.formula(), "Behaves like the rule, but was not trained"),
                )
            ]
            if is_shorter(shortest, rule)
            else []
        ),
        # Tokens do not contain a rule's constants.
        *([("Tokens", "tokens", "tokens", tokens)] if rule.constants == PAPER else []),
        *(
            (title, framework, f"source for {title}", _source(rank, e, framework))
            for framework, (title, _) in FRAMEWORKS.items()
        ),
    )
    return [
        element(
            "div",
            element("dt", title),
            element("dd", form, copy_button(f"{kind}-{rank}", f"rule {rank} as {what}")),
        )
        for title, kind, what, form in parts
    ]


def _write_tokens(rule):
    """The arguments of `Rule.from_tokens`: the ids and, for words with numbers in their names, the numbers."""
    ids = f"[{', '.join(map(str, rule.to_tokens()))}]"
    return f"{ids}, numbers=[{', '.join(map(write_number, rule.numbers))}]" if rule.has_numbers else ids


def _source(rank, e, framework):
    setting = e.find_setting()
    source = e.rule.to_source(f"FoundOptimizer{rank}", framework, *(setting or ()))
    title, what = FRAMEWORKS[framework]
    label = f"{title} source of rule {rank}"
    return element(
        "details",
        element("summary", f"{what}, in {source.count(chr(10))} lines"),
        element("pre", source, id=f"{framework}-{rank}", tabindex=0, aria_label=label),
    )


def _line(id_, text, title):
    return element("code", text, id=id_, class_="code", tabindex=0, title=title)
