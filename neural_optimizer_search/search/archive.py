"""The shipped archive: the best distinct rules of searches on several tasks, and where each comes from.

`benchmarks.run archive` creates it. Searches on other tasks can start with its rules: see `--start`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged, read_text, write_whole
from neural_optimizer_search.optimizers.found import FOUND

SHIPPED = Path(__file__).with_name("archive.json")
VERSION = 1
# Muon as in Keras 3, where vectors use Adam at a tenth of the rate; as in Liu et al. (2025, Moonlight), where the
# update of a matrix has the scale of Adam's; and as in Li et al. (2025, NorMuon), where that of each output has it.
# The archive's searches knew none of them.
MUONS = (
    "on_matrices(orthogonalize(g + 9 * ema_0.9), 0.1 * Adam), beta_2=0.95, epsilon=1e-10",
    "on_matrices(normalize(orthogonalize(nesterov)), Adam)",
    "on_matrices(orthogonalize(nesterov) / sqrt(|v_muon|), Adam), beta_2=0.95, epsilon=1e-10",
)
FOUND_NAMES = tuple(name for name, *_ in FOUND)
# The rules that a search on the user's own task starts with, in addition to the archive.
BESIDE_ARCHIVE = (*MUONS, *FOUND_NAMES)


class ArchivedRule(NamedTuple):
    """A rule of an archive.

    Attributes:
      rule: The `Rule`.
      search: The name of the search that found it.
      rewards: Its reward on each task, by the task's name.
      ranks: Its rank on each task among all compared rules, starting at 1; ties share the mean of their ranks.
    """

    rule: Rule
    search: str
    rewards: Mapping[str, float]
    ranks: Mapping[str, float]

    @property
    def mean_rank(self) -> float:
        """The mean rank over the tasks."""
        return sum(self.ranks.values()) / len(self.ranks)


class Archive(NamedTuple):
    """Rules, ranked on several tasks.

    Attributes:
      rules: The rules, best mean rank first.
      tasks: The protocol of each task and the rewards of the known optimizers on it, by the task's name.
      searches: Properties of each search, such as its algorithm, seed and space, by the search's name.
      about: The file's origin: date, versions and command.
    """

    rules: Sequence[ArchivedRule]
    tasks: Mapping[str, Mapping[str, Any]]
    searches: Mapping[str, Mapping[str, Any]]
    about: Mapping[str, Any]


def write_archive(path: Path, archive: Archive) -> None:
    """Writes an archive as JSON, one rule per line."""
    head = dict(version=VERSION, **archive.about, tasks=archive.tasks, searches=archive.searches)
    rules = ",\n  ".join(json.dumps(_to_json(one)) for one in archive.rules)
    text = f'{json.dumps(head, indent=1)[:-2]},\n "rules": [\n  {rules}\n ]\n}}\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda unfinished: unfinished.write_text(text))


def read_archive(path: Path = SHIPPED) -> Archive:
    """Reads an archive.

    Raises:
      OSError: If it cannot be read.
      Damaged: If it is not an archive; the message says what is wrong.

    Example:
      >>> from neural_optimizer_search.search.archive import read_archive
      >>> archive = read_archive()
      >>> ranks = [one.mean_rank for one in archive.rules]
      >>> ranks == sorted(ranks)
      True
    """
    try:
        content = json.loads(read_text(path))
        version, tasks, searches = content.pop("version"), content.pop("tasks"), content.pop("searches")
        rules = [_from_json(entry) for entry in content.pop("rules")]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"{path} is not an archive of rules: {error!r:.200}.") from error
    if version != VERSION:
        raise Damaged(f"{path} is an archive of version {version!r:.20}, and this release reads version {VERSION}.")
    archive = Archive(rules, tasks, searches, content)
    if wrong := _find_wrong(archive):
        raise Damaged(f"{path} is not an archive of rules: {wrong}.")
    return archive


def _to_json(one):
    content = json.loads(one.rule.to_json())
    del content["latex"]
    ranks = dict(rewards=dict(one.rewards), ranks=dict(one.ranks), mean_rank=one.mean_rank)
    return {**content, "search": one.search, **ranks}


def _from_json(entry):
    rewards, ranks = dict(entry["rewards"]), dict(entry["ranks"])
    return ArchivedRule(Rule.from_json(json.dumps(entry)), entry["search"], rewards, ranks)


def _find_wrong(archive):
    """The first defect of an archive, in words; "" if it is valid."""
    if not archive.rules:
        return "it has no rules"
    if not isinstance(archive.tasks, dict) or not isinstance(archive.searches, dict):
        return "its tasks or its searches are not tables by name"
    for one in archive.rules:
        values = [*one.rewards.values(), *one.ranks.values()]
        if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
            return f"{one.rule} has a value that is not a number"
        if not set(one.rewards) == set(one.ranks) == set(archive.tasks):
            return f"{one.rule} does not have the archive's tasks"
        if one.search not in archive.searches:
            return f"{one.rule} is from a search that it does not list"
    if len({one.rule.canonical() for one in archive.rules}) < len(archive.rules):
        return "it has a rule twice"
    means = [one.mean_rank for one in archive.rules]
    return "" if means == sorted(means) else "its rules are not in the order of their mean ranks"
