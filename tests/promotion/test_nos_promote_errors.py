"""What `nos-promote` refuses, and that it does so in one line."""

import json
import re
import sqlite3

import fakes
import pytest
from promotions import SMALL, promote

from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.promotion import command, saved
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.workers.config import EXECUTORS


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--top", "8"], "argument --top: {out} holds a promotion with --top 9. Received: 8. Give another --out"),
        (["--rungs", "2"], "argument --rungs: {out} holds a promotion with --rungs 3. Received: 2."),
        (["--keep", "1/2"], "argument --keep: {out} holds a promotion with --keep 0.333. Received: 0.5."),
        (["--protocol", "default"], "argument --protocol: {out} holds a promotion with --protocol reduced. "),
        (["--seeds_per_rule", "2"], "argument --seeds_per_rule: {out} holds a .* with --seeds_per_rule left out. "),
        (["--task", "digits_mlp"], "argument --task: {out} holds a promotion with --task digits. "),
    ],
)
def test_other_arguments_are_refused(run, trained, capfd, flags, message):
    out = run / "promoted-digits"
    assert promote(run) == 0
    assert_refused([str(run), *SMALL, "--top", "9", "--out", str(out), *flags], message.format(out=out), capfd)


def test_another_run_is_refused(run, trained, tmp_path, capfd):
    assert promote(run, "--out", str(tmp_path / "out")) == 0
    flags = [str(tmp_path), *SMALL, "--top", "9", "--out", str(tmp_path / "out")]
    assert_refused(flags, f"holds a promotion with RUN {run}. Received: {tmp_path}. Give", capfd)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--task", "mnist"], "argument --task: must be one of: digits, "),
        (["--protocol", "long"], "argument --protocol: must be one of: .*reduced, with --task cifar10_wrn. "),
        (["--top", "0"], "argument --top: must be a whole number from 1 to 100000. Received: 0."),
        (["--rungs", "²"], "argument --rungs: must be a whole number from 1 to 100."),
        (
            ["--task", "digits", "--protocol", "reduced", "--rungs", "99"],
            "argument --rungs: must be at most 12, the steps of a training of digits/reduced. Received: 99.",
        ),
        (["--keep", "1"], "argument --keep: must be more than 0 and less than 1, such as 1/3 or 0.5. Received: 1."),
        (["--keep", "1/0"], "argument --keep: must be more than 0"),
        (["--keep", "1e-400"], "argument --keep: must be more than 0"),
        (["--keep", "0.99999999999999999999"], "argument --keep: must be more than 0 and less than 1"),
        (["--out", "/etc/hostname"], "argument --out: .*Not a directory.*Give another directory"),
        (["--task", "..:x"], "argument --task: must be module:attribute"),
    ],
)
def test_wrong_flags(run, capfd, flags, message):
    assert_refused([str(run), *flags], message, capfd)


def test_no_such_run(tmp_path, capfd):
    assert_refused([str(tmp_path / "none"), *SMALL], "argument RUN: .*none is not a run of nos-search: ", capfd)
    assert not (tmp_path / "none").exists()


def test_a_file_of_a_run(run, capfd):
    message = "argument RUN: must be the directory of a run. Received: .*ledger.sqlite, which is a file."
    assert_refused([str(run / LEDGER), *SMALL], message, capfd)


def test_a_run_that_is_no_database(run, capfd):
    (run / LEDGER).write_text("not a database at all, " * 100)
    assert_refused(
        [str(run), *SMALL],
        "argument RUN: .* is not a run .*: .* is damaged: file is not a database",
        capfd,
    )


def test_a_run_without_a_rule_that_works(run, capfd):
    with sqlite3.connect(run / LEDGER) as db:
        db.execute("UPDATE evaluations SET status = 'diverged'")
    assert_refused([str(run), *SMALL], "argument RUN: .* has no rule that trained to the end", capfd)


def test_a_run_with_a_rule_that_is_none(run, capfd):
    with sqlite3.connect(run / LEDGER) as db:
        db.execute("UPDATE evaluations SET rule = ?", [json.dumps([["g", "__import__", "exp", "exp", "add"]])])
    assert_refused([str(run), *SMALL], "argument RUN: .* is not a run .*: op2 of iteration 0 must be", capfd)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "{}", '{"candidates": [1]}'])
def test_a_damaged_promotion(run, capfd, text):
    out = run / "promoted-digits"
    out.mkdir()
    (out / saved.PROMOTION_FILE).write_text(text)
    assert_refused([str(run), *SMALL], "argument --out: .*promotion.json is damaged: ", capfd)


def test_no_images_at_all(run, tmp_path, capfd):
    pytest.importorskip("tensorflow_datasets")
    flags = [str(run), "--protocol", "reduced", "--workers", "1", "--data_dir", str(tmp_path)]
    assert_refused(flags, "--data_dir must be a tensorflow_datasets directory that holds cifar10", capfd)


def assert_refused(flags, message, capfd):
    """Exit code 2, and one line that has the pattern `message`."""
    with pytest.raises(SystemExit) as stopped:
        command.main(flags)
    assert stopped.value.code == 2
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, error), error
    assert error.startswith("nos-promote: ")


def test_a_task_in_which_no_known_optimizer_has_a_reward(run, capfd, monkeypatch):
    def diverge(rule):
        return without_reward(rule, "diverged", "The update is not finite.")

    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(diverge))
    with pytest.raises(SystemExit, match="2"):
        promote(run)
    assert capfd.readouterr().err.splitlines()[-1] == (
        "nos-promote: every known optimizer has the reward 0 (SGD: The update is not finite). "
        "Look for NaN and infinity in the data, and at what the loss computes."
    )


def test_a_promotion_that_could_not_begin_leaves_nothing(run, capfd):
    pytest.importorskip("ray")
    flags = [str(run), *SMALL, "--executor", "ray", "--ray_address", "127.0.0.1:1"]
    assert_refused(flags, "argument --ray_address: nothing answers at ", capfd)
    assert [path.name for path in run.iterdir()] == [LEDGER]
