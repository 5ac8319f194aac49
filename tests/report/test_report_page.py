"""The whole page: what is on it, for every kind of run; and that a stranger's ledger is text on it."""

import base64
import dataclasses
import functools
import hashlib
import re

import ledgers
import pytest
from pages import Page, is_harmless

from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.exports import FRAMEWORKS
from neural_optimizer_search.report.board_columns import rule_cell
from neural_optimizer_search.report.cards import cards
from neural_optimizer_search.report.comparison import comparison_page
from neural_optimizer_search.report.leaderboard import leaderboard
from neural_optimizer_search.report.markup import element, html, reveal
from neural_optimizer_search.report.overview import summary
from neural_optimizer_search.report.rewards import rewards
from neural_optimizer_search.report.run import read
from neural_optimizer_search.report.search_page import search_page
from neural_optimizer_search.report.wording import duration
from neural_optimizer_search.search.verdict import find_verdict


@pytest.fixture(scope="module")
def page_of(recorded):
    """Gives the `Page` of a name in `ledgers.SEARCHES`."""
    return functools.cache(lambda name: Page(search_page(recorded(name))))


def test_everything_is_on_the_page(page_of):
    page = page_of("whole")
    for words in (
        "a-run",
        "PPO (fast) over arxiv2017_no_decay at depth 2, task digits, protocol default, seed 0",
        "Rewards",
        "AddSign, the best known optimizer by the search's rewards",
        "0.7000 ± 0.0158",
        "mean ± standard deviation over 5 training seeds",
        "Known optimizers, under the same protocol",
        "Expression tree",
        "is in 2 of the best rules (rank 2, 3) and in 4 of the 19 sampled rules (21.1 %)",
        "19 sampled screened out: the update does not descend 3 15.8 %",
        "8 trained ok 8 100.0 %",
        "nos-search --task digits --protocol default",
        "class FoundOptimizer1(",
        "Adam - drop(-RMSProp, 0.3)",
        str(list(ledgers.found()[0].rule.to_tokens())),
    ):
        assert words in page.text, words
    assert page.tags.count("article") == 8
    assert len(set(page.ids)) == len(page.ids)


@pytest.mark.parametrize("name", ledgers.ODD)
def test_runs_of_every_kind(page_of, name):
    page = page_of(name)
    assert not re.search(r"\bNone\b|\bnan\b", page.prose)


def test_what_failed_is_counted_and_said(page_of):
    page = page_of("only failed")
    assert "No proposed rule has been measured successfully." in page.text
    for status in ledgers.FAILED:
        assert f"{status} It {status}. 1" in page.text
    assert "out of memory 1 20.0 %" in page.text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("whole", "including known optimizers, summed over workers"),
        ("raced", "including known optimizers and fresh seeds, summed over workers"),
        ("tuned", "including known optimizers, without the trials of constants, summed over workers"),
    ],
)
def test_the_training_time_is_of_all_that_it_says(recorded, page_of, name, told):
    run = recorded(name)
    known = [e for _, e in run.baselines]
    spent = sum(e.seconds for e in (*run.found, *known, *run.tuned, *run.fresh.values()) if not e.cached)
    assert f"Training time {duration(spent)} {told}" in page_of(name).text


def test_each_framework_has_its_file_on_a_card(page_of):
    for title, what in FRAMEWORKS.values():
        assert re.search(rf"{title} {what}, in \d+ lines", page_of("whole").text)


def test_a_search_at_work_is_called_so(page_of):
    assert "Not finished: 3 of 8 rules have been trained." in page_of("at work").text


def test_recorded_versions_are_shown(recorded):
    versions = ({"tensorflow": "2.15.1", "python": "3.11.2"}, {"tensorflow": "2.15.2"})
    run = dataclasses.replace(recorded("nothing"), versions=versions)
    text = Page(search_page(run)).text
    assert "computed with tensorflow 2.15.1, python 3.11.2 computed with tensorflow 2.15.2" in text


def test_earlier_batch_sizes_are_beside_the_command(recorded):
    run = dataclasses.replace(recorded("nothing"), earlier_batch_sizes=((12, None), (20, 8)))
    said = "The batch size was different earlier (its own size before batch 13, 8 before batch 21), which this"
    assert said in Page(search_page(run)).text
    assert "The batch size was different" not in Page(search_page(recorded("nothing"))).text


def test_no_seeds_column_where_there_is_one_seed(page_of):
    assert "reward of each seed" in page_of("only found").text
    assert "reward of each seed" not in page_of("one seed").text


# -- Fresh seeds, alike and stopped rules ------------------------------------------------------------


def test_the_page_of_a_search_that_raced_and_joined(page_of):
    page = page_of("raced")
    for words in (
        "AddSign, the best known optimizer by the search's rewards",
        "best so far, among rules measured in full",
        "Rewards here are means over seeds that the search never saw",
        "fresh seeds, 95 % interval P(> AddSign) update rule search saw",
        "Fresh seeds: the mean reward of 4 trainings with seeds that the search never saw",
        "2 more rules behave like it",
        "1 more rule behaves like Adam",
        "0.6925 with fresh seeds, 95 % interval 0.6773 to 0.7077, accuracy 0.7000; the search saw reward 0.7000",
        "not trained, because a measured rule behaves alike 3",
        "10 trained ok 8 80.0 % stopped after the sweep with the first seed 1 10.0 % stopped after 2 final runs 1",
        "4,300 gradient steps",
        "known optimizers 6 1,200 200 27.9 %",
        "rules measured in full 8 1,600 200 37.2 %",
        "rules that were stopped 2 100 50 2.3 %",
        "fresh seeds at the end 14 1,400 100 32.6 %",
        "At that cost, the 2 rules that were stopped would have taken 300 more.",
        "The 3 samples that reused the evaluation of a rule that behaves alike took no steps.",
    ):
        assert words in page.text, words
    assert "diverged or failed" not in page.text  # what was stopped is neither


def test_the_verdict_stands_at_the_top(recorded, page_of):
    run = recorded("raced")
    verdict, page = find_verdict(run.ranking, steps=25), page_of("raced")
    top = page.text.partition("Best rule ")[0]
    assert verdict.sentence in top
    assert run.final_steps == 25 and " ".join(verdict.code.split()) in " ".join(top.split())
    assert ("data-copy", "best-code") in page.attributes and "best-code" in page.ids
    assert 'class="verdict"' not in html(summary(recorded("whole")))


def test_disguises_share_one_row(tmp_path):
    """Of a search that trained them all: each behaviour stands once, under its shortest formula."""
    formulas = (
        "Adam - clip(clip(v, 1e-3), 1e-3)",
        "sign(m) * 2 ^ clip(eps, 1e-3)",
        "sign(m) + clip(eps, 1e-5)",
        "g^3",
    )
    found = [ledgers.evaluation(formula, 0.7 - 0.1 * k) for k, formula in enumerate(formulas)]
    page = Page(html(leaderboard(read(ledgers.write(tmp_path / "run", found, ledgers.known())))))
    alternatives = [text for name, text in page.attributes if name == "alttext"]
    assert alternatives[:2] == ["sign(m)", "g^3"] and f"found as {formulas[1]}" in page.text
    assert "1 more rule behaves like it" in page.text and "1 more rule behaves like Adam" in page.text


# -- Tuned constants ---------------------------------------------------------------------------------


def test_what_was_tuned_counts_in_the_charts(recorded):
    run = recorded("tuned")
    text = Page(html(rewards(run))).text
    assert "SGD (tuned), the best known optimizer by the search's rewards" in text
    assert "a rule with tuned constants" in text and "the best has 0.8000" in html(rewards(run))
    page = comparison_page([run])
    assert "At the end it is 0.8000 in" in page and "SGD (tuned), the best known" in page


def test_a_card_is_about_what_was_trained(recorded):
    """Formula, tree and copies have each term, and the rule as it was proposed says how it depends on the rate."""
    run = recorded("tuned")
    first, second = list(cards(run).iter("article"))[:2]
    rule = run.ranking.found[0].rule
    labels = [node.get("aria-label", "") for node in first.iter()]
    assert labels.count(rule.formula()) == 1 and f"Expression tree of {rule.formula()}" in labels
    tree = next(node for node in first.iter("svg") if node.get("class") == "tree")
    assert {"0.0438", "w"} <= {text.text for text in tree.iter("text")}
    assert "Uses cautious, a function of the whole tensor, which is slower." in html(first)
    assert "Measured before the constants were tuned." in html(first) and "Measured" not in html(second)
    assert html(first).count('class="tried"') == html(second).count('class="tried"') > 0


def test_constants_alone_are_no_second_formula(recorded):
    run = recorded("tuned")
    one = run.ranking.found[0]
    plain = dataclasses.replace(one.rule, constants=PAPER)
    run._shortest[one.evaluation.key] = plain
    try:
        said = Page(html(rule_cell(run, one))).text
    finally:
        run._shortest.clear()
    assert "found with beta_1=0.896, beta_2=0.99632, epsilon=1.15e-8" in said and "found as" not in said


def test_files_have_the_rate_that_was_found_and_name_what_else_was(tmp_path):
    first, second, *_ = ledgers.found()
    trained = dataclasses.replace(first, learning_rate=0.03, schedule="linear", weight_decay=0.02)
    failed = dataclasses.replace(second, learning_rate=None, status="diverged")
    run = read(ledgers.write(tmp_path / "run", [trained, failed]))
    files = {node.get("id"): node.text for node in cards(run).iter("pre")}
    found_with = 'Found with the learning-rate schedule "linear" and the decoupled weight decay 0.02'
    for framework, argument in (("keras", "learning_rate"), ("optax", "learning_rate"), ("torch", "lr")):
        assert f"{argument}=0.03" in files[f"{framework}-1"] and found_with in files[f"{framework}-1"]
        assert f"{argument}=0.01" in files[f"{framework}-2"] and "Found with" not in files[f"{framework}-2"]


# -- Several runs ----------------------------------------------------------------------------------


def test_comparison(tmp_path):
    places = [
        ledgers.write(tmp_path / name, ledgers.found()[:n], ledgers.known(), {**ledgers.CONFIG, "algorithm": name})
        for name, n in (("ppo", 8), ("random", 3))
    ]
    page = Page(comparison_page([read(place) for place in places]))
    for words in ("2 searches compared", "algorithm ppo random", "random 0.7000 ± 0.0158", "nos-search --task"):
        assert words in page.text
    assert "do not measure the same thing" not in page.text


def test_a_comparison_says_which_rewards_it_has(recorded):
    raced, whole = recorded("raced"), recorded("whole")
    text = Page(comparison_page([raced, whole])).text
    assert "Where the table says so, rewards are means over seeds that the search never saw" in text
    assert "4 fresh seeds" in text and "the search's seeds" in text
    assert "Rewards here are means over seeds that the search never saw" in Page(comparison_page([raced] * 2)).text
    assert "No fresh seeds: these rewards are optimistically biased." in Page(comparison_page([whole] * 2)).text
    # An estimate is not the best: 0.9 was estimated, and 0.7 measured.
    assert "At the end it is 0.7000 in" in comparison_page([raced])


def test_runs_that_do_not_compare(tmp_path):
    places = [
        ledgers.write(tmp_path / task, ledgers.found(), ledgers.known(), {**ledgers.CONFIG, "task": task})
        for task in ("digits", "cifar10")
    ]
    page = Page(comparison_page([read(place) for place in places]))
    assert "The runs differ in task: their rewards do not measure the same thing." in page.text
    assert ", the best known optimizer" not in page.text


def test_comparison_of_nothing(tmp_path):
    Page(comparison_page([read(ledgers.write(tmp_path, config={}))]))


# -- Safety ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to_page", [search_page, lambda run: comparison_page([run, run])])
def test_a_strangers_ledger_is_text(recorded, to_page):
    text = to_page(recorded("hostile"))
    page = Page(text)
    assert "<script>window.attacked" in page.text
    assert text.count("<script") == 1 and text.count("<style") == 1
    assert is_harmless(page)


def test_the_policy_allows_this_style_and_this_script_alone(page_of):
    page = page_of("only found")
    policy = next(value for _, value in page.attributes if value and value.startswith("default-src"))
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert page.tags.index("meta") < page.tags.index("style")


def test_what_nobody_sees_is_written_out():
    assert reveal("a\0\x1b[31m\u202eb\ud800\n") == "a\\x00\\x1b[31m\\u202eb\\ud800\n"
    assert html(element("p", "\u202e", title="\0")) == '<p title="\\x00">\\u202e</p>'


def test_schedule_and_weight_decay_are_shown_where_there_are_any(tmp_path):
    first, *others = ledgers.found()
    trained = dataclasses.replace(first, schedule="cosine, warm-up 0.1", weight_decay=0.01)
    run = read(ledgers.write(tmp_path / "run", [trained, *others], ledgers.known()))
    board, shown = html(leaderboard(run)), html(cards(run))
    assert board.count("cosine, warm-up 0.1, weight decay 0.01") == board.count('class="setting"') == 1
    assert shown.count("(cosine, warm-up 0.1, weight decay 0.01), trained for") == 1
