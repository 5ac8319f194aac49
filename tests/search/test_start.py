"""A search that starts with given rules: what is proposed first, what learns from it, and what a run keeps of it."""

import contextlib

import fakes
import pytest
from tiny_searches import TINY, found

from neural_optimizer_search import parse_formula, search_space
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.recorded_flags import complete
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.search import command, loop
from neural_optimizer_search.search.archive import BESIDE_ARCHIVE, read_archive
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.evolution import Evolution, EvolutionConfig
from neural_optimizer_search.search.exhaustive import Exhaustive
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.recorder import EvaluationRecorder, pass_every_rule
from neural_optimizer_search.search.start import Started, count_batches, describe_start

pytestmark = pytest.mark.once

SPACE = search_space("signs", depth=1)
RULES = [parse_formula(text) for text in ("sign(m) * g", "tanh(n_0.37)", "m, beta_1=0.5", "g - m", "m / g", "2 * g")]


def test_the_rules_come_first_and_then_what_the_algorithm_would_have_proposed():
    started, whole = Started(Exhaustive(SPACE), RULES), Exhaustive(SPACE)
    assert count_batches(RULES) == 2
    assert [started.propose(number).rules for number in range(2)] == [RULES[:5], RULES[5:]]
    assert started.propose(1).drawn is None
    assert started.propose(2) == whole.propose(0)
    assert started.propose(2 + 5) is None
    assert started.restore() == 0 and started.share == 0.0


def test_the_algorithm_learns_from_them(tmp_path):
    inner = Evolution(SPACE, EvolutionConfig(batch_size=2, population=3, tournament=3), 0)
    started, ledger = Started(inner, RULES), Ledger(tmp_path / "ledger", {})
    best = SPACE.embed(RULES[0])

    def evaluate(rule):
        return fakes.fake_evaluation(rule, 1.0 if rule == RULES[0] else 0.1)

    recorder = EvaluationRecorder(fakes.InProcess(fakes.FakeEvaluator(evaluate)), ledger)
    list(search(started, recorder, ledger, Limits(5 + 1 + 2)))
    samples = ledger.samples()
    assert [sample.rule for sample in samples[:6]] == RULES
    # All of its population is of the rules that it started with, so that what it proposes is no random string.
    child = SPACE.encode(samples[6].rule)
    assert sum(a != b for a, b in zip(child, best)) == 1


def test_rules_that_are_nothing_new_do_not_end_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "IDLE_STEPS", 3)
    started = Started(Exhaustive(SPACE), RULES[:1] * 50)
    ledger = Ledger(tmp_path / "ledger", {})
    recorder = EvaluationRecorder(fakes.fake_executor, ledger)
    list(search(started, recorder, ledger, Limits(4)))
    assert recorder.trained == 4


def test_what_is_said_of_the_rules():
    screen = Screen()
    starts = list(map(Start, RULES))
    assert describe_start(starts[3:4], SPACE, screen, 0.0) == "Starts from 1 rule."
    assert describe_start(starts, SPACE, pass_every_rule, 0.4) == (
        f"Starts from 6 rules, 2 of them outside the space {SPACE.title}: measured, but their forms are not varied."
    )
    stopped = [Start(parse_formula(text)) for text in ("g^2", "g - g", "w", "eps")]
    last = describe_start([starts[3], *stopped], SPACE, screen, 0.4).splitlines()[-5:]
    assert last == [
        "4 rules screened out, not measured:",
        "  g^2: The update does not descend.",
        "  g - g: The update is zero.",
        "  w: The update does not descend.",
        "  and 1 more",
    ]
    tuned = [Start(RULES[3], (0.1, "cosine", 0.0)), starts[4]]
    assert describe_start(tuned, SPACE, screen, 0.4).splitlines()[1] == (
        "1 rule is also measured with the rate, schedule and weight decay to which it was tuned."
    )
    assert describe_start(tuned, SPACE, screen, 0.0).splitlines()[1] == (
        "1 rule comes with a tuned rate and schedule, which are not used because --constants is 0."
    )


# -- The command -----------------------------------------------------------------------------------

FLAGS = [*TINY, "--algorithm", "evolution", "--budget", "12"]


@pytest.fixture
def there(tmp_path, monkeypatch, trains_nothing):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def starts(out):
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        return ledger.run.start


def test_a_run_keeps_its_start_whatever_becomes_of_the_file(there, capfd):
    file = there / "rules.txt"
    file.write_text("sign(m) * g\ntanh(m_0.37)\ng - clip(g^2, 1e-4)\nsign(g) * m, beta_1=0.5\n1 * m\nm\n")
    assert command.main([*FLAGS, "--start", "rules.txt", "m", "--out", "whole"]) == 0
    whole = found(there / "whole")
    assert [str(s.rule) for s in whole[:3]] == ["sign(m) * g", "tanh(m_0.37)", "g - clip(g^2, 1e-4)"]
    assert "\nStarts from 5 rules, 4 of them outside the space " in capfd.readouterr().out
    assert command.main([*FLAGS, "--start", "rules.txt", "m", "--out", "broken", "--budget", "2"]) == 0
    for text in ("m * m", None):
        file.unlink() if text is None else file.write_text(text)
        assert command.main(["--resume", "broken", "--budget", "4" if text else "12"]) == 0
    assert found(there / "broken") == whole and starts(there / "broken") == starts(there / "whole")
    assert command.main(["--check", "broken"]) == 0
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", "broken", "--start", "none"])
    assert "argument --start: not allowed with --resume: a resumed run keeps its own (rules.txt m)" in (
        capfd.readouterr().err
    )


def test_a_run_that_knows_no_start_has_none(there):
    """Of a release before: it goes on as it would have."""
    assert command.main([*FLAGS, "--start", "none", "--out", "run"]) == 0
    before = found(there / "run")
    with contextlib.closing(Ledger(there / "run" / "ledger.sqlite")) as ledger:
        assert ledger.run.start == []
        recorded = {name: value for name, value in ledger.run.config.items() if name != "start"}
        ledger.run.set_config({**recorded, "budget": 6})
    assert complete(SearchConfig, recorded)["start"] == ("none",)
    assert command.main(["--resume", "run", "--budget", "12"]) == 0
    assert found(there / "run") == before


@pytest.mark.parametrize("start", [3, ["nonsense"], [3], [None], [["[]", 0.1]], [["[]", "x", "cosine", 0.0]]])
def test_a_start_that_is_damaged(there, start, capfd):
    assert command.main([*FLAGS, "--start", "m", "--out", "run", "--budget", "1"]) == 0
    with contextlib.closing(Ledger(there / "run" / "ledger.sqlite")) as ledger:
        ledger.run.set_values(start=start)
    assert command.main(["--check", "run"]) == 1
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", "run", "--budget", "2"])
    assert "argument --resume: run is damaged: " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["adamm"], "argument --start: must be formulas, names of the catalogue, "),
        (["nowhere/rules.txt"], "There is no such file either."),
        (["empty.txt"], "argument --start: empty.txt has no rule"),
        (["."], "argument --start: must not be a directory."),
        (["none", "adam"], "argument --start: must be none alone, or rules."),
        (["run:nowhere#1"], "argument --start: nowhere is not a run of nos-search"),
        ([" "], "argument --start: must name rules. Received: ' '."),
        ([], "argument --start: expected at least one argument"),
    ],
)
def test_a_wrong_start_is_one_line(there, texts, message, capfd):
    (there / "empty.txt").touch()
    with pytest.raises(SystemExit, match="2"):
        command.main([*FLAGS, "--start", *texts])
    error = capfd.readouterr().err
    assert message in error and error.startswith("nos-search: ") and error.count("\n") == 1
    assert not (there / "runs").exists()


@pytest.mark.parametrize(
    ("given", "start"),
    [
        (dict(task=("digits",)), ("none",)),
        (dict(task=("my.module:task",)), ("archive", *BESIDE_ARCHIVE)),
        (dict(task=("my.module:task",), preset="paper"), ("none",)),
        (dict(task=("my.module:task",), start=("adam",)), ("adam",)),
        (dict(task=("digits",), preset="paper", start=("archive",)), ("archive",)),
    ],
)
def test_what_a_search_starts_with_if_nothing_is_said(given, start):
    assert SearchConfig(**given).starts_with == start


def test_the_archive_is_trained_first(there):
    assert command.main([*FLAGS, "--start", "archive", "--out", "run", "--budget", "3"]) == 0
    assert starts(there / "run") == [Start(one.rule) for one in read_archive().rules]
    assert found(there / "run") == []  # three rules are no whole step
    with contextlib.closing(Ledger(there / "run" / "ledger.sqlite", read_only=True)) as ledger:
        trained, screen = [e.key for e in ledger.evaluations("search")], Screen()
    assert set(trained) <= {screen(one.rule).key for one in read_archive().rules}
