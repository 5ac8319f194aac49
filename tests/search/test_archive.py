"""The file of the rules that several tasks have in common."""

import json

import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.behaviour import Behaviours, Likeness
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.search.archive import SHIPPED, Archive, ArchivedRule, read_archive, write_archive

pytestmark = pytest.mark.once

RULES = [
    ArchivedRule(parse_formula(formula), "a", {"x": reward, "y": 0.5}, {"x": rank, "y": 1.5})
    for formula, reward, rank in (("sign(m) * g", 0.9, 1.0), ("Adam, beta_1=0.5", 0.8, 2.0))
]
ARCHIVE = Archive(RULES, {"x": {"protocol": "default"}, "y": {}}, {"a": {"seed": 0}}, {"made": "today"})


def test_it_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "new" / "archive.json"
    write_archive(path, ARCHIVE)
    assert read_archive(path) == ARCHIVE
    assert len(path.read_text().splitlines()) < 30  # a rule a line


def test_the_shipped_one_has_different_rules_that_a_search_would_train():
    archive, screen = read_archive(), Screen()
    assert SHIPPED.stat().st_size < 200_000
    behaviours = Behaviours([screen.probe], Likeness(probe=0.999))
    for one in archive.rules:
        assert screen(one.rule).rule == one.rule and behaviours.find(one.rule) is None
        behaviours.add(str(one.rule), one.rule)
    assert archive.about["command"] and archive.about["versions"] and archive.about["made"]
    assert all("known" in about and "protocol" in about for about in archive.tasks.values())


DAMAGE = [
    (lambda content: content.pop("tasks"), "KeyError"),
    (lambda content: content.update(version=2), "of version 2, and this release reads version 1"),
    (lambda content: content.update(version=[9] * 99), "of version .9, 9"),
    (lambda content: content.update(rules=[]), "it has no rules"),
    (lambda content: content.update(rules=3), "TypeError"),
    (lambda content: content["rules"].reverse(), "not in the order"),
    (lambda content: content["rules"].append(content["rules"][0]), "twice"),
    (lambda content: content["rules"][0].update(search="b"), "from a search that it does not list"),
    (lambda content: content["rules"][0].update(iterations=[["g"]]), "ValueError"),
    (lambda content: content["rules"][0]["rewards"].update(x="much"), "a value that is not a number"),
    (lambda content: content["rules"][0]["ranks"].pop("x"), "does not have the archive's tasks"),
    (lambda content: content.update(tasks=["x", "y"]), "not tables by name"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_what_is_no_archive(tmp_path, damage, message):
    path = tmp_path / "archive.json"
    write_archive(path, ARCHIVE)
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(Damaged, match=message):
        read_archive(path)


@pytest.mark.parametrize("text", ["", "[]", "3", "[" * 100_000, "\0"])
def test_what_is_no_table(tmp_path, text):
    (tmp_path / "archive.json").write_text(text)
    with pytest.raises(Damaged, match="is not an archive of rules"):
        read_archive(tmp_path / "archive.json")
