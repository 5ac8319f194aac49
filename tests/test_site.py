"""The sources of the documentation: every document has a place in it, and links lead to pages."""

import pathlib

import pytest

from neural_optimizer_search.dsl.vocabulary import UNARIES
from tools import docs
from tools.site import sources
from tools.site.catalogue import draw_rules
from tools.site.language import draw_words, words_tables
from tools.site.links import rewrite_links

pytestmark = pytest.mark.once

SOME = ("powersign", "adam")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site") / "sources"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "draw_rules", lambda: draw_rules(SOME))  # all take a quarter of a minute
        sources.put_together(target)
    return target


def test_every_page_has_one_place_in_the_contents(site):
    pages = sorted(
        str(path.relative_to(site).with_suffix("")) for path in (*site.rglob("*.md"), *site.rglob("*.ipynb"))
    )
    assert pages == sorted(["index", *(page for part in sources.PARTS.values() for page in part)])


def test_the_first_page_is_the_readme_with_the_contents(site):
    text = (site / "index.md").read_text()
    assert text.startswith("# Neural Optimizer Search\n") and text.count("{toctree}") == len(sources.PARTS)
    assert "](measured/index.md#" in text and "](benchmarks/" not in text


def test_links_of_notebooks_lead_to_pages(site):
    text = (site / "notebooks" / "learn-an-optimizer.ipynb").read_text()
    assert "](../measured/index.md#10-learned-optimizers)" in text


def test_pictures_come_along(site):
    shown = [link for page in site.rglob("*.md") for link in pictures(page)]
    assert len(shown) > 30 and all(path.is_file() for path in shown)


def pictures(page):
    links = [part.partition(")")[0] for part in page.read_text().split("](")[1:]]
    return [page.parent / link for link in links if link.endswith((".png", ".svg"))]


@pytest.mark.parametrize(
    ("link", "there"),
    [
        ("[a](b.md)", "[a](b.md)"),
        ("[a](../CHANGELOG.md#x)", "[a](../changelog.md#x)"),
        ("![a](../README.md)", "![a](../index.md)"),
        ("[a `b`](../setup.cfg)", "a `b`"),
        ("[a](#x)", "[a](#x)"),
        ("[a](https://x/y.md)", "[a](https://x/y.md)"),
        ("[a](nowhere.md)", "[a](nowhere.md)"),
        ("`[a](../setup.cfg)`", "`[a](../setup.cfg)`"),
        ("```\n[a](../setup.cfg)\n```", "```\n[a](../setup.cfg)\n```"),
    ],
)
def test_links(link, there):
    pages = {"docs/b.md": "how-to/b.md", **sources.ELSEWHERE}
    assert rewrite_links(link, "docs/a.md", "how-to/a.md", pages, docs.ROOT) == there


def test_every_word_is_told_and_functions_are_drawn():
    drawn = draw_words()
    assert {"exp", "ld", "rd_20"} <= set(drawn) and all(
        picture.rstrip().endswith("</svg>") for picture in drawn.values()
    )
    tables = words_tables(drawn)
    assert all(f"| `{name}`" in tables for name in dict.fromkeys(UNARIES)) and tables.count("![") == len(drawn)


def test_the_same_picture_each_time():
    assert draw_words() == draw_words() and draw_rules(SOME) == draw_rules(SOME)


def test_what_rules_do_is_drawn(site):
    text = (site / "reference" / "catalogue.md").read_text()
    assert text.count("![") == len(SOME) and "![What powersign does](../assets/rules/powersign.svg)" in text
    powersign, adam = (site / "assets" / "rules" / f"{name}.svg" for name in SOME)
    assert powersign.read_text() != adam.read_text()


def test_no_page_is_written_twice():
    assert len(set(sources.find_pages().values())) == len(sources.find_pages())
    assert pathlib.Path(docs.ROOT, "docs", "index.md").exists() is False  # it is README.md
