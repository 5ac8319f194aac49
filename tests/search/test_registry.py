"""Which algorithms are found, and what is said of those that are not."""

import importlib.metadata
import sys

import pytest

from neural_optimizer_search.search import command, registry
from neural_optimizer_search.search.registry import UnknownAlgorithm, find_algorithm, find_usable_algorithm, title_of

pytestmark = pytest.mark.once

MINE = """
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.registry import AlgorithmEntry

class Mine(Algorithm):
    def __init__(self, setting):
        self._space, self._completed = setting.space, setting.ledger.steps

    def propose(self, number):
        import numpy as np
        return Proposal([self._space.decode(t) for t in self._space.sample(np.random.default_rng(number), 3)])

    def learn(self, proposal, evaluations):
        self.metrics = {"learned": len(evaluations)}

    def restore(self):
        return self._completed

ENTRY = AlgorithmEntry("An algorithm of mine", Mine)
"""


@pytest.fixture
def package(tmp_path):
    """A directory as pip leaves one for a package of one file that has an entry point."""
    (tmp_path / "my_package.py").write_text(MINE)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\nmine = my_package:ENTRY\ngone = my_package:NOTHING\nlost = no_such_package:ENTRY\n"
        "broken = a_broken_package:ENTRY\nrandom = my_package:ENTRY\n"
    )
    (tmp_path / "a_broken_package.py").write_text("1 / 0\n")
    return tmp_path


def test_an_algorithm_of_another_package_runs(package, tmp_path, capfd, monkeypatch, trains_nothing):
    monkeypatch.syspath_prepend(package)
    out = tmp_path / "run"
    flags = ["--algorithm", "mine", "--space", "signs", "--depth", "1", "--protocol", "reduced", "--budget", "3"]
    flags += ["--workers", "1", "--cache", "none", "--out", str(out)]
    assert command.main(flags) == 0
    assert capfd.readouterr().out.startswith("An algorithm of mine over signs at depth 1")
    assert "update rule" in (out / "leaderboard.txt").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "gone",
            "gone cannot be loaded from my_package:NOTHING: AttributeError: .* has no attribute 'NOTHING'",
        ),
        (
            "lost",
            "lost cannot be loaded from no_such_package:ENTRY: ModuleNotFoundError: .* 'no_such_package'",
        ),
        ("broken", "broken cannot be loaded from a_broken_package:ENTRY: ZeroDivisionError: division by zero"),
    ],
)
def test_an_entry_point_to_nothing(package, monkeypatch, name, message):
    monkeypatch.syspath_prepend(package)
    assert "mine" in registry.algorithm_names()
    with pytest.raises(UnknownAlgorithm, match=message):
        find_algorithm(name)
    assert title_of(name) == name


def test_no_other_package_takes_a_name_of_this_one(package, monkeypatch):
    monkeypatch.syspath_prepend(package)
    assert find_algorithm("random").title == "Random search"


def test_unknown():
    with pytest.raises(UnknownAlgorithm, match=r"one of: random, evolution, local, exhaustive.*Received: 'sgd'"):
        find_algorithm("sgd")


def test_without_tf_agents(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_agents", None)
    if "ppo" not in registry.algorithm_names():
        pytest.skip("The entry points of this package are not installed.")
    missing = r"ppo needs TF-Agents: pip install .*\[tf-agents\]"
    with pytest.raises(UnknownAlgorithm, match=missing):
        find_usable_algorithm("ppo")
    with pytest.raises(UnknownAlgorithm, match="Usable here: random, evolution, local, exhaustive"):
        find_usable_algorithm("ppo")
    assert registry.default_algorithm() == registry.default_algorithm("paper") == "local"
    assert title_of("ppo", "fast") == "PPO (fast)"


def test_without_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UnknownAlgorithm, match=r"^settings needs Optuna: pip install .*\[search\]'\. Usable here: "):
        find_usable_algorithm("settings")
    assert registry.default_algorithm(tasks=["mine:task"]) == "local"
    assert title_of("settings") == "Search for settings"


def test_a_checkout_that_is_not_installed_says_so(tmp_path, capfd, monkeypatch, trains_nothing):
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda: {})
    flags = ["--space", "signs", "--depth", "1", "--budget", "1", "--cache", "none", "--out", str(tmp_path / "run")]
    assert command.main(flags) == 0
    first = capfd.readouterr().out.splitlines()[0]
    assert first == "Local search, because guided is not among the installed algorithms"
