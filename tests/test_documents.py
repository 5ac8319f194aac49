"""What the documents say of the code is so: generated blocks, paths, modules, commands, links."""

import importlib
import re
import shlex

import pytest
from documents import ALL, COMMANDS, DOCUMENTS, EXTENSIONS, ROOT, anchors, commands, exists, find

import nos_commands
from benchmarks.commands import experiment
from neural_optimizer_search import flags, l2o, optimizers, schedules, tasks
from tools import docs

pytestmark = pytest.mark.once

# What a reader is to write, or a command writes.
INVENTED = ("my_", "runs/", "dist/", "comparison.html")


@pytest.fixture(params=DOCUMENTS)
def text(request):
    return DOCUMENTS[request.param]


# -- Blocks made from the code ---------------------------------------------------------------------


def test_the_blocks_are_those_of_the_code(text):
    assert docs.rewrite(text) == text, "The code has changed. Run: make docs"


def test_every_block_stands_in_a_document_and_is_closed():
    names = find(r"<!-- ([^>]+): make docs -->", ALL)
    assert set(names) == set(docs.BLOCKS)
    assert len(names) == sum(text.count("<!-- end -->") for text in DOCUMENTS.values())


def test_a_stale_block_is_seen():
    new = docs.rewrite("<!-- tasks: make docs -->\n| an old table |\n<!-- end -->")
    assert docs.tasks() in new and "an old table" not in new
    assert docs.rewrite(f"before\n{new}\nafter") == f"before\n{new}\nafter"


def test_every_package_says_what_it_is():
    lines = docs.code_map().splitlines()[1:-1]
    assert len(lines) > 15
    assert all(len(line.split("/", 1)[1].strip()) > 10 and len(line) < 120 for line in lines)


# -- Paths and modules -----------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_exists(document):
    """Relative to the document, to the root, or to the package `neural_optimizer_search`."""
    prose = re.sub(r"\S+://\S+|`\.\[.*?`", "", docs.BLOCK.sub("", DOCUMENTS[document]))
    file = rf"[\w-]+\.(?:[\w-]+\.)*(?:{EXTENSIONS})"
    pattern = rf"(?<![\w./*-])((?:[a-z][\w-]+/)+(?:{file})?|{file})(?![\w/*.-]\w)"
    named = [path for path in re.findall(pattern, prose) if not path.startswith(INVENTED)]
    assert [path for path in named if not exists(path, (ROOT / document).parent)] == []


def test_every_module_exists():
    groups = find(r"^([\w.]+) =$", (ROOT / "setup.cfg").read_text())
    for name in find(rf"(?<![\w/])((?:{'|'.join(docs.PACKAGES)})(?:\.\w+)+)", ALL):
        if name not in groups and not name.endswith(tuple(f".{end}" for end in EXTENSIONS.split("|"))):
            resolve(name)


def resolve(name):
    """The module or the attribute of a dotted name."""
    module, _, attribute = name.rpartition(".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)]+)\)", DOCUMENTS[document]):
        path, _, heading = link.partition("#")
        place = (ROOT / document).parent / path
        assert place.is_file(), link
        assert not heading or heading in anchors(place.read_text()), link


# -- Commands --------------------------------------------------------------------------------------


def test_the_flags_of_every_command_are_told():
    assert COMMANDS.keys() == nos_commands.COMMANDS.keys()


def test_every_command_of_ours_can_be_given():
    given = [command.removeprefix(".venv/bin/") for text in DOCUMENTS.values() for command in commands(text)]
    given = [command.replace("--algorithm mine", "--algorithm random") for command in given]  # a reader's own
    ours = [shlex.split(command) for command in given if command.split()[0] in COMMANDS]
    assert len(ours) > 10
    for program, *words in ours:
        if words:
            flags.build_parser(program, None, *COMMANDS[program]).parse_args(words)


def test_every_target_of_make_exists():
    targets = set(find(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text()))
    given = [shlex.split(c) for text in DOCUMENTS.values() for c in commands(text) if c.startswith("make ")]
    assert len(given) > 5
    for _, *words in given:
        variables = dict(word.split("=", 1) for word in words if "=" in word)
        chosen = [word for word in words if "=" not in word]
        assert set(chosen) <= targets and set(variables) <= {"ARGS", "PARALLEL"}, words
        if chosen == ["search"] and variables.get("ARGS", "…") != "…":
            flags.build_parser("make", None, *COMMANDS["nos-search"]).parse_args(shlex.split(variables["ARGS"]))


def test_every_module_that_is_run_exists():
    for text in DOCUMENTS.values():
        for name in re.findall(r"python -m ([\w.]+)", text):
            assert importlib.util.find_spec(name), name


def test_every_extra_exists():
    extras = set(find(r"^([a-z0-9-]+) =$", (ROOT / "setup.cfg").read_text().partition("extras_require]")[2]))
    for text in DOCUMENTS.values():
        for names in re.findall(r"(?:neural-optimizer-search|'\.|`\.|-e \"\.)\[([\w, -]+)\]", text):
            assert set(names.split(",")) <= extras, names


def test_no_table_of_flags_is_written_by_hand():
    for name, text in DOCUMENTS.items():
        left = docs.BLOCK.sub("", text)
        assert "| flag |" not in left, name


def test_the_changelog_names_what_exists_now():
    text = (ROOT / "CHANGELOG.md").read_text()
    configs = [*(config for configs in COMMANDS.values() for config in configs), experiment.Config]
    known = {flags.spell(config, name) for config in configs for name in flags.flags_of(config)}
    assert set(find(r"`(--\w+)", text)) <= known | {"--help", "--version"}
    assert set(find(r"`(nos-\w+)", text)) == set(COMMANDS)
    assert set(find(r'optimizers\.get\("([^"]+)"', text)) <= set(optimizers.CATALOGUE)
    public = {name for module in (optimizers, schedules, tasks, l2o) for name in dir(module)}
    assert set(find(r"`([A-Z]\w+)`", text)) <= public
    assert all((ROOT / path).is_file() for path in find(r"\]\((?!https:)([^)]+)\)", text))
