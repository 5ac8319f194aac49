"""The page in a real browser: it fits, it is silent, it loads nothing, its buttons copy, and an attack is text."""

import contextlib
import dataclasses
import re
import shutil
from pathlib import Path

import ledgers
import pytest

from neural_optimizer_search.report.comparison import comparison_page
from neural_optimizer_search.report.run import reproduction
from neural_optimizer_search.report.search_page import search_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on PATH")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE = 1280, 390

# What is drawn wider than the window, other than in a box that scrolls.
OVERFLOWING = """() => [...document.querySelectorAll("body *")].filter(e => {
  for (let p = e.parentElement; p; p = p.parentElement)
    if (/auto|scroll|hidden/.test(getComputedStyle(p).overflowX)) return false;
  const box = e.getBoundingClientRect();
  return box.right > innerWidth + 1 && box.width > 0;
}).map(e => e.tagName + "." + e.className)"""

# Formulas that reach out of their cells of a table.
BEYOND_CELLS = """() => [...document.querySelectorAll("td math")].filter(m =>
  m.getBoundingClientRect().right > m.closest("td").getBoundingClientRect().right + 1).map(m => m.textContent)"""

# Words of formulas over which the next word is printed.
OVERPRINTED = """() => [...document.querySelectorAll("math")].filter(m => {
  const words = [...m.querySelectorAll("mi, mn")].filter(word => word.checkVisibility()).map(word => {
    const range = document.createRange();
    range.selectNodeContents(word);
    return range.getBoundingClientRect();
  });
  return words.slice(1).some((b, k) => {
    const a = words[k];
    return b.left < a.right - 2 && a.left < b.right - 2 && b.top < a.bottom - 8 && a.top < b.bottom - 8;
  });
}).map(m => m.textContent)"""

# Tables that are wider than a desktop's window has room for.
SCROLLED_TABLES = """() => [...document.querySelectorAll(".scroll")].filter(box =>
  box.scrollWidth > box.clientWidth + 1).map(box => box.getAttribute("aria-label"))"""

# Texts whose contrast with what is behind them is below 4.5, which WCAG 2 asks for.
FAINT = """() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => rgb(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const style = getComputedStyle(e), color = style.backgroundColor;
      const box = e.tagName === "g" && e.querySelector("rect");
      if (box) return getComputedStyle(box).fill;
      if ((rgb(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest("title, script")
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
    const [a, b] = [light(getComputedStyle(e)[e instanceof SVGElement ? "fill" : "color"]), light(behind(e))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.tagName, e.textContent.slice(0, 40)];
  }).filter(([ratio]) => ratio < 4.5);
}"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@contextlib.contextmanager
def new_tab(browser, **options):
    """Gives a function that opens a file; what it opens must ask for nothing else and complain of nothing."""
    context = browser.new_context(**options)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    opened, asked, complaints = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append((message.type, message.text)))
    page.on("pageerror", lambda error: complaints.append(("error", str(error))))
    page.on("dialog", lambda dialog: complaints.append(("dialog", dialog.message)))

    def visit(path):
        opened.append(path.as_uri())
        page.goto(path.as_uri())
        return page

    yield visit
    assert complaints == []
    assert asked == opened
    context.close()


@contextlib.contextmanager
def open_page(browser, path, **options):
    """The page of a file, in a tab of its own."""
    with new_tab(browser, **options) as visit:
        yield visit(path)


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """Gives the path of a new file with a text."""

    def write_new(text):
        path = tmp_path_factory.mktemp("page") / "page.html"
        path.write_text(text, encoding="utf-8")
        return path

    return write_new


@pytest.fixture(scope="module")
def report(recorded, write):
    return write(search_page(recorded("whole")))


@pytest.fixture(scope="module")
def comparison(recorded, write):
    return write(comparison_page([dataclasses.replace(recorded("whole"), place=Path("a-long-name" * 8))] * 8))


@pytest.fixture(scope="module")
def opened(browser, recorded, write, report, comparison):
    """The pages, opened once and unfolded; to open one takes longer than to look at it."""
    paths = {"report": report, "comparison": comparison}
    paths.update({name: write(search_page(recorded(name))) for name in ("raced", "tuned")})
    with contextlib.ExitStack() as stack:
        pages = {which: stack.enter_context(open_page(browser, path)) for which, path in paths.items()}
        for page in pages.values():
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        yield pages


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("which", ["report", "raced", "tuned", "comparison"])
def test_it_fits_and_can_be_read(opened, which, width, scheme):
    page = opened[which]
    page.set_viewport_size(dict(width=width, height=800))
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(BEYOND_CELLS) == []
    assert page.evaluate(OVERPRINTED) == []
    assert width == PHONE or which == "comparison" or page.evaluate(SCROLLED_TABLES) == []
    assert page.evaluate(FAINT) == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    # A phone has its own pictures, with letters of readable size.
    assert page.locator("svg.narrow").first.is_visible() == (width == PHONE)
    assert page.locator("svg.wide").first.is_visible() == (width == DESKTOP)


@pytest.fixture(scope="module")
def visit_by_phone(browser):
    with new_tab(browser, viewport=dict(width=PHONE, height=800)) as visit:
        yield visit


@pytest.mark.parametrize("name", ledgers.ODD)
def test_odd_runs_fit_a_phone(visit_by_phone, recorded, write, name):
    page = visit_by_phone(write(search_page(recorded(name))))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    assert page.evaluate(OVERFLOWING) == []


def test_the_buttons_copy(browser, report):
    found = ledgers.found()[1]
    rule = found.rule
    texts = {
        "rule 2 as formula": rule.formula(),
        "rule 2 as tokens": str(list(rule.to_tokens())),
        "rule 2 as source for Keras": rule.to_source("FoundOptimizer2", "keras", found.learning_rate),
        "rule 2 as source for TensorFlow": rule.to_source("FoundOptimizer2", "tensorflow", found.learning_rate),
        "rule 2 as source for optax": rule.to_source("FoundOptimizer2", "optax", found.learning_rate),
        "rule 2 as source for PyTorch": rule.to_source("FoundOptimizer2", "torch", found.learning_rate),
        "command": reproduction(ledgers.CONFIG),
    }
    with open_page(browser, report) as page:
        for what, text in texts.items():
            button = page.get_by_role("button", name=f"Copy {what}", exact=True)
            button.click()
            playwright.expect(button).to_have_text("Copied")
            playwright.expect(page.locator("#said")).to_have_text(f"Copy {what}: copied")
            assert page.evaluate("navigator.clipboard.readText()") == text


def test_the_buttons_copy_where_the_clipboard_is_not_given(browser, report):
    with open_page(browser, report) as page:
        page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        page.evaluate("document.addEventListener('copy', () => window.copied = document.activeElement.value)")
        page.get_by_role("button", name="Copy rule 1 as formula").click()
        playwright.expect(page.locator("#said")).to_have_text("Copy rule 1 as formula: copied")
        assert page.evaluate("window.copied") == ledgers.found()[0].rule.formula()
        assert page.locator("textarea").count() == 0


def test_without_scripts_all_can_be_read(browser, report):
    with open_page(browser, report, java_script_enabled=False) as page:
        assert page.get_by_role("button").count() == 0
        assert page.locator("#formula-1").is_visible()
        page.locator("summary").first.click()
        assert page.locator("#keras-1").is_visible()


def test_pictures_have_names_and_formulas_are_math(browser, report):
    with open_page(browser, report) as page:
        names = page.get_by_role("img").evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
        assert len(names) > 20 and all(names)
        assert page.locator("math").count() > 20
        # Chromium lays MathML out: a fraction is higher than a line.
        assert page.locator("mfrac").first.bounding_box()["height"] > 25


@pytest.mark.parametrize("to_page", [search_page, lambda run: comparison_page([run])], ids=["report", "comparison"])
def test_an_attack_is_text(visit_by_phone, recorded, write, to_page):
    page = visit_by_phone(write(to_page(recorded("hostile"))))
    page.wait_for_timeout(200)
    assert page.evaluate("window.attacked") is None
    assert page.locator("img, iframe, object, embed, form").count() == 0
    assert page.locator("script").count() == 1
    assert "<script>window.attacked = 1</script>" in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_the_policy_stops_what_would_get_through(browser, report, write):
    """Not that anything does: a script, a handler and a style put into the finished page are not heeded."""
    attack = "<script>window.attacked = 1</script><b onclick='window.attacked = 2' style='color: red'>b</b>"
    path = write(report.read_text(encoding="utf-8").replace("<main>", f"<main>{attack}"))
    context = browser.new_context()
    page = context.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(path.as_uri())
    page.locator("b").first.click()
    assert page.evaluate("window.attacked") is None
    assert page.evaluate("getComputedStyle(document.querySelector('b')).color") != "rgb(255, 0, 0)"
    assert len([text for text in refused if re.search("Content.Security.Policy", text)]) == 3
    context.close()
