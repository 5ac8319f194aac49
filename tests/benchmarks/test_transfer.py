"""A rule of one search on other models: its setting is kept, AdamW and Muon are tuned, and losses are told."""

import json
import math
import pathlib
import shutil

import pytest
import tensorflow_datasets as tfds

from benchmarks.run import main
from benchmarks.studies import transfer
from benchmarks.studies.own_models.report import LOSS, WIN
from benchmarks.studies.transfer import tasks
from benchmarks.trials.comparison import Choice
from benchmarks.trials.contenders import read_contender
from benchmarks.trials.records import trial_of
from benchmarks.trials.trials import Metric
from neural_optimizer_search.search.archive import read_archive
from neural_optimizer_search.tasks.named_task import load

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results" / "transfer"
pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def test_the_rule_is_trained_with_its_setting_and_the_others_are_tuned(tmp_path, monkeypatch, capfd):
    found = transfer.Found("sign(m)", 3e-3, "linear, warm-up 0.1", 0.02, 1.3, {"Adam": 1.0})
    searched = []
    monkeypatch.setattr(transfer, "search", lambda config: searched.append(config) or found)
    monkeypatch.setattr(transfer, "load_tasks", lambda: None)
    words = ["transfer", "--scale", "smoke", "--experiments", "rosenbrock", "--seeds", "3", "--runs", str(tmp_path)]
    assert main(words) == 0
    records = [json.loads(line) for line in (tmp_path / "rosenbrock-smoke.jsonl").read_text().splitlines()]
    own = [record for record in records if record["contender"] == "sign(m)@linear, warm-up 0.1, weight decay 0.02"]
    assert {r["learning_rate"] for r in own} == {3e-3}
    assert [r["seed"] for r in own] == [0, 1, 2, 3]
    adamw = [record for record in records if record["contender"].startswith("adamw@")]
    # Two schedules and two weight decays at each rate of the experiment; then the best alone with fresh seeds.
    assert len({trial_of(r) for r in adamw if r["seed"] == 0}) == 2 * 2 * 2
    assert len({trial_of(r)._replace(seed=0) for r in adamw if r["seed"]}) == 1 and len(adamw) == 8 + 3
    # Weight decay changes what is trained.
    assert len({r["final"] for r in adamw if r["seed"] == 0}) == 8
    # The same of both forms of Muon.
    muon = [record for record in records if record["contender"].startswith(("muon@", "on_matrices"))]
    assert len({trial_of(r) for r in muon if r["seed"] == 0}) == 2 * 2 * 2 * 2 and len(muon) == 16 + 3
    said = capfd.readouterr().out
    last = json.loads(said.splitlines()[-1])
    row = last["experiments"]["rosenbrock"]
    assert len(row["rule"]) == 3 and "rosenbrock" in said
    for name, trials in (("AdamW", 8), ("Muon", 16)):
        assert len(row[name]["values"]) == 3 and row[name]["trials"] == trials and f"tuned {name}" in said
        verdict = last["better"][name], last["worse"][name]
        chance = find_chance_of_less(row["rule"], row[name]["values"])
        assert row[name]["probability"] == pytest.approx(chance)
        assert verdict == (["rosenbrock"] if chance >= WIN else [], ["rosenbrock"] if chance <= LOSS else [])
    before = (tmp_path / "rosenbrock-smoke.jsonl").read_text()
    assert main(words) == 0 and (tmp_path / "rosenbrock-smoke.jsonl").read_text() == before
    assert len(searched) == 1 and last["rule"] == "sign(m)" and last["known"] == {"Adam": 1.0}


def test_a_rule_that_was_found_with_other_data_is_not_taken_for_this_one(tmp_path, monkeypatch, capfd):
    """As the one in the repository, whose search saw photographs that test it."""
    shutil.copy(RESULTS / "found.jsonl", tmp_path)
    assert (tmp_path / "found.jsonl").read_text().count("\n") == 1
    searched = []
    found = transfer.Found("sign(m)", 3e-3, "linear", 0.0, 1.3, {})
    monkeypatch.setattr(transfer, "search", lambda config: searched.append(config) or found)
    monkeypatch.setattr(transfer, "load_tasks", lambda: None)
    # What it is compared with, and how, does not matter here.
    for part in ("_tune", "_try", "_print"):
        monkeypatch.setattr(transfer, part, lambda *_: {one: dict(probability=0.5) for one in transfer.TUNED})
    words = ["transfer", "--scale", "smoke", "--experiments", "rosenbrock", "--seeds", "2", "--runs", str(tmp_path)]
    assert main(words) == 0 and len(searched) == 1
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["rule"] == "sign(m)"


def test_the_search_begins_with_nothing_that_was_found_on_data_of_the_experiments(tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(transfer, "run_search", lambda directory, flags, others: given.update(flags))
    with pytest.raises(OSError):  # there is nothing to read
        transfer.search(transfer.Config(runs=tmp_path))
    archived = {one.rule.formula() for one in read_archive().rules}
    assert given["start"] and archived.isdisjoint(given["start"]) and "archive" not in given["start"]


def find_chance_of_less(own, others):
    """The share of pairs in which a loss is less than another, where half of the ties count; None has diverged."""
    own, others = ([math.inf if loss is None else loss for loss in losses] for losses in (own, others))
    return sum((one < other) + (one == other) / 2 for one in own for other in others) / len(own) / len(others)


def test_the_search_waits_for_the_data_of_all_experiments(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(transfer, "search", lambda config: pytest.fail("searched without the data"))
    monkeypatch.setattr(transfer, "load_tasks", lambda: None)
    words = ["transfer", "--scale", "small", "--experiments", "nmt", "--seeds", "2", "--runs", str(tmp_path)]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--data_dir", str(tmp_path)])
    assert "Multi30k" in capfd.readouterr().err


def test_the_tuning_waits_for_the_data_of_the_search(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(transfer, "_tune", lambda *_: pytest.fail("tuned without the data"))
    words = ["transfer", "--scale", "smoke", "--experiments", "rosenbrock", "--runs", str(tmp_path / "runs")]
    with pytest.raises(SystemExit):
        main([*words, "--data_dir", str(tmp_path)])
    assert "imagenette" in capfd.readouterr().err


@pytest.mark.parametrize("count", [2000, 9469])
def test_all_photographs_are_for_training_or_for_validation(count):
    """Those of a sample, and all of them."""
    sizes, whole = [], tfds.core.SplitInfo(name="train", shard_lengths=[count], num_bytes=0)
    for which in (tasks.TRAIN_PHOTOS, tasks.VALIDATION_PHOTOS):
        (part,) = tfds.core.ReadInstruction.from_spec(which).to_absolute({"train": whole})
        sizes.append((part.to or count) - (part.from_ or 0))
    assert sum(sizes) == count and min(sizes) >= 400


def make_choice(values, **also):
    records = [dict(test=value, diverged=value is None, **also) for value in values]
    tuned = [dict(contender="adamw@cosine, weight decay 0.1", learning_rate=0.1, options=[], seed=0)]
    return Choice(trial_of(tuned[0]), tuned, records)


@pytest.mark.parametrize(("is_larger", "chance"), [(True, 0.5), (False, 0.0)])
def test_what_diverged_is_worse_than_all(is_larger, chance):
    metric = Metric("validation accuracy", larger_is_better=is_larger)
    row = transfer.describe(metric, "test", make_choice([0.9, None]), make_choice([0.8, 0.5]))
    assert row["probability"] == chance and row["values"] == [0.8, 0.5]
    assert (
        transfer._write([0.9, None]) == "diverged" and transfer._write([0.9, 0.7, None]) == "0.8 ± 0.14, 1 diverged"
    )


def test_a_contender_has_a_warm_up():
    contender = read_contender("sign(m)@cosine, warm-up 0.25")
    rate = contender.make(0.4, 40)._learning_rate
    assert str(contender) == "sign(m)@cosine, warm-up 0.25" and contender.warmup == 0.25
    rates = [float(rate(step)) for step in (0, 4, 9, 10, 25, 40)]
    assert rates == pytest.approx([0.04, 0.2, 0.4, 0.4, 0.2, 0.0], abs=1e-6)
    for wrong in ("2", "much", "-0.1"):
        with pytest.raises(ValueError, match=r"a warm-up must be a number in \[0, 1\)"):
            read_contender(f"adam@linear, warm-up {wrong}")


def test_a_contender_has_a_weight_decay():
    """Of AdamW also none at all, in place of Keras's own; on each experiment, for it is the contender's."""
    for text, decay in (
        ("adamw@cosine", 0.004),
        ("adamw@cosine, warm-up 0.1, weight decay 0.0", 0.0),
        ("sign(m)@linear, weight decay 2.5", 2.5),
    ):
        contender = read_contender(text)
        assert str(contender) == text and contender.make(0.1, 100).weight_decay == decay
    with pytest.raises(ValueError, match="a weight decay must be a number"):
        read_contender("adam@linear, weight decay -1")


@pytest.mark.parametrize("name", ["mlp", "lstm"])
def test_the_tasks_can_be_trained(name):
    task = load(f"{tasks.__name__}:{name}")
    given, wanted = task.train()
    made = task.model()
    assert len(given) == len(wanted) and made(given[:4]).shape[0] == 4
    losses = made.fit(given, wanted, epochs=2, batch_size=128, verbose=0).history["loss"]
    assert math.isfinite(losses[0]) and losses[1] < losses[0]
