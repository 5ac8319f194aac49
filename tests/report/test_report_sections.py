"""What every section of the page must do, whatever search it is given."""

import re

import ledgers
import pytest
from pages import Page, is_harmless

from neural_optimizer_search.report.markup import Element, html
from neural_optimizer_search.report.search_page import SECTIONS, search_page

# Attributes that hold numbers, which a browser must be able to read.
NUMBERS = ("d", "x", "y", "cx", "cy", "x1", "x2", "y1", "y2", "r", "width", "height", "viewbox")

every_section = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)


@every_section
@pytest.mark.parametrize("name", ledgers.SEARCHES)
def test_a_section_is_markup_or_nothing(section, name, recorded):
    made = section(recorded(name))
    if made is None:
        return
    assert isinstance(made, Element)
    page = Page(html(made))
    assert page.text
    assert is_harmless(page) and not {"script", "style"} & set(page.tags)
    assert len(set(page.ids)) == len(page.ids)
    assert {label for _, label in page.values_of("aria-labelledby")} <= set(page.ids)
    for attribute, value in page.values_of(*NUMBERS):
        assert not re.search("nan|inf", value), (attribute, value)


@every_section
def test_a_whole_search_has_every_section(section, recorded):
    assert section(recorded("raced")) is not None


@every_section
def test_a_section_changes_nothing(section, recorded):
    first, second = (html(section(recorded("raced"))) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ledgers.SEARCHES)
def test_the_page_has_all_sections_in_order(name, recorded):
    run = recorded(name)
    parts = [html(made) for made in (section(run) for section in SECTIONS) if made is not None]
    assert f"<main>{''.join(parts)}</main>" in search_page(run)
