"""The whole page: what is on it, for every kind of run; and that a stranger's ledger is text on it."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import ledgers
import pytest

from neural_optimizer_search.report.comparison import comparison_page
from neural_optimizer_search.report.markup import element, html, reveal
from neural_optimizer_search.report.run import read
from neural_optimizer_search.report.search_page import search_page

ATTACK = "</title></style></script><script>window.attacked = 1</script><img src=x onerror='window.attacked = 2'>\"'"
VOID = {"meta"}


class Page(HTMLParser):
    """Tags that are opened and closed in order, attributes, ids, and the text without style and script."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words, self.raw = [], [], [], [], {}
        self.feed(text)
        self.close()
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())
        self.ids = [value for name, value in self.attributes if name == "id"]

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            self.raw[self.open[-1]] = data
        else:
            self.words.append(data)


def page_of(tmp_path, *arguments, **changes):
    return Page(search_page(read(ledgers.write(tmp_path, *arguments, **changes))))


def test_everything_is_on_the_page(tmp_path):
    page = page_of(tmp_path / "a-run", ledgers.found(), ledgers.known(), screened_out=3)
    for words in (
        "a-run",
        "PPO (fast) over arxiv2017_no_decay at depth 2, task digits, protocol default, seed 0",
        "Rewards",
        "AddSign, the best known optimizer",
        "0.7000 ± 0.0158",
        "mean ± standard deviation over 5 training seeds",
        "Known optimizers, by the same protocol",
        "Expression tree",
        "is in 2 of them (rank 2, 3), and in 4 of the 19 sampled rules (21.1 %)",
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


FAILED = ("diverged", "failed", "timeout", "killed", "out of memory")
ODD = {
    "nothing": ([], []),
    "only known": ([], ledgers.known()),
    "only found": (ledgers.found(), []),
    "only failed": (
        [
            dataclasses.replace(
                e, status=status, message=f"It {status}.", reward=0.0, rewards=(), sweep=(), learning_rate=None
            )
            for status, e in zip(FAILED, ledgers.found())
        ],
        ledgers.known(),
    ),
    "odd numbers": (
        [
            dataclasses.replace(
                e,
                reward=reward,
                rewards=(reward, float("nan"), -1e308),
                sweep=((1e-3, float("nan")), (1e-2, None), (1e300, 1e308), (float("inf"), 1.0)),
                seconds=reward,
            )
            for reward, e in zip((1e308, float("inf"), 1e-320, 1e12, -5.0), ledgers.found())
        ],
        [],
    ),
    "one seed": [
        [dataclasses.replace(e, rewards=(e.reward,)) for e in evaluations]
        for evaluations in (ledgers.found(), ledgers.known())
    ],
}


@pytest.mark.parametrize("name", ODD)
def test_runs_of_every_kind(tmp_path, name):
    page = page_of(tmp_path, *ODD[name])
    assert not re.search(r"\bNone\b|\bnan\b", re.sub("import tensorflow.*?return .*?config", "", page.text))
    for attribute, value in page.attributes:
        if attribute in ("d", "x", "y", "cx", "cy", "x1", "x2", "y1", "y2", "width", "viewBox", "viewbox"):
            assert not re.search("nan|inf", value), (attribute, value)


def test_what_failed_is_counted_and_said(tmp_path):
    page = page_of(tmp_path, *ODD["only failed"])
    assert "No proposed rule has been measured with success." in page.text
    for status in FAILED:
        assert f"{status} It {status}. 1" in page.text
    assert "out of memory 1 20.0 %" in page.text


def test_a_search_at_work_is_called_so(tmp_path):
    assert "Not at its end: 3 of 8 rules are trained." in page_of(tmp_path, ledgers.found()[:3]).text


def test_recorded_versions_are_shown(tmp_path):
    run = read(ledgers.write(tmp_path))
    run = dataclasses.replace(run, versions=({"tensorflow": "2.15.1", "python": "3.11.2"}, {"tensorflow": "2.15.2"}))
    text = Page(search_page(run)).text
    assert "computed with tensorflow 2.15.1, python 3.11.2 computed with tensorflow 2.15.2" in text


def test_no_seeds_column_where_there_is_one_seed(tmp_path):
    assert "reward of each seed" in page_of(tmp_path / "a", *ODD["only found"]).text
    assert "reward of each seed" not in page_of(tmp_path / "b", *ODD["one seed"]).text


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


def hostile(tmp_path):
    """A ledger whose every text is an attack."""
    found = [dataclasses.replace(e, status=ATTACK, message=ATTACK, key=ATTACK + e.key) for e in ledgers.found()[:2]]
    found += [dataclasses.replace(e, status="diverged", message=ATTACK) for e in ledgers.found()[2:4]]
    config = {**dict.fromkeys(ledgers.CONFIG, ATTACK), ATTACK: [ATTACK], "table": {ATTACK: ATTACK}}
    directory = tmp_path / "<img src=x onerror='window.attacked = 3'>"
    return ledgers.write(directory, found, ledgers.known(), config)


@pytest.mark.parametrize("to_page", [search_page, lambda run: comparison_page([run, run])])
def test_a_strangers_ledger_is_text(tmp_path, to_page):
    text = to_page(read(hostile(tmp_path)))
    page = Page(text)
    assert "<script>window.attacked" in page.text
    assert text.count("<script") == 1 and text.count("<style") == 1
    assert "img" not in page.tags
    assert not any(name.startswith("on") or name in ("src", "href", "style") for name, _ in page.attributes)


def test_the_policy_allows_this_style_and_this_script_alone(tmp_path):
    page = page_of(tmp_path, ledgers.found())
    policy = next(value for _, value in page.attributes if value and value.startswith("default-src"))
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert page.tags.index("meta") < page.tags.index("style")


def test_what_nobody_sees_is_written_out():
    assert reveal("a\0\x1b[31m\u202eb\ud800\n") == "a\\x00\\x1b[31m\\u202eb\\ud800\n"
    assert html(element("p", "\u202e", title="\0")) == '<p title="\\x00">\\u202e</p>'
