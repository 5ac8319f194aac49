"""`nos-tune`: what it prints and keeps, how it goes on, and what it refuses."""

import contextlib
import dataclasses
import functools
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

import fakes
import marks
import optuna
import pytest
from environments import environment
from refusals import refused
from tiny_searches import OWN_MODULE
from waiting import wait_until

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluation import Part
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER, STUDY, TUNED
from neural_optimizer_search.search.fresh import choose_seeds
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.tasks.named_task import load
from neural_optimizer_search.tuning import command, tune, tuner
from neural_optimizer_search.tuning.study_file import NAME, StudyFile, create
from neural_optimizer_search.tuning.tuner import NothingTrained, count_spent
from neural_optimizer_search.versions import find_versions
from neural_optimizer_search.workers.describing import Describer

pytestmark = pytest.mark.once

SMALL = ["--task", "digits_mlp", "--protocol", "reduced", "--budget", "800", "--seeds", "2"]


def run(*words):
    return command.main([*map(str, words)])


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """The directory of a tuning, whose file takes a second to make."""
    directory = tmp_path_factory.mktemp("tuned") / "run"
    with pytest.MonkeyPatch.context() as patch:
        from fake_objective import FakeObjective

        patch.setattr(command, "TaskObjective", lambda task, protocol, reward, data_dir: FakeObjective(protocol))
        assert run("sign(g) * m", *SMALL, "--out", directory) == 0
    return directory


@pytest.fixture
def copy(tuned, tmp_path):
    return pathlib.Path(shutil.copytree(tuned, tmp_path / "run"))


def read(directory):
    with contextlib.closing(StudyFile(directory / STUDY)) as file:
        return [(t.params, t.value, t.user_attrs) for t in file.trials], file.fresh


# -- What it gives ---------------------------------------------------------------------------------


def test_what_it_prints_and_keeps(fake, tmp_path, capsys):
    out = tmp_path / "run"
    # Enough for importances by a margin: what is proposed, and so what ends early, depends on a processor's rounding.
    assert run("sign(g) * m", *SMALL, "--budget", 1200, "--out", out) == 0
    printed = capsys.readouterr().out
    what = "sign(g) * m on digits_mlp/reduced, end_accuracy, 1200 steps, seed 0"
    assert printed.startswith(f"Tuning {what} -> {out}\n")
    assert printed.rstrip().endswith(f"Kept in {out}")
    assert (out / TUNED).read_text() in printed
    assert re.search(r"Tuning adds 0\.\d{4} ± 0\.\d{4} ", printed)
    assert re.search(r"^beta_1 +0\.\d\d +0\.9 +0\.\d+ +0\.\d+ to 0\.\d+$", printed, re.MULTILINE)
    assert "(as given)" in printed and "To use it:\n" in printed
    study = optuna.load_study(study_name=NAME, storage=f"sqlite:///{out / STUDY}")
    assert len(study.trials) > 20  # Optuna's own tools read it
    study._storage.remove_session()


def test_a_rule_of_a_run(fake, tmp_path, capsys):
    ledger = Ledger(tmp_path / LEDGER, {})
    ledger.add_evaluation(fakes.fake_evaluation(parse_formula("Adam"), 0.1), "baseline")
    for formula, reward in (("g * sqrt(|m|)", 0.2), ("2 * Adam", 0.9), ("drop(g, 0.3)", 0.5)):
        ledger.add_evaluation(fakes.fake_evaluation(parse_formula(formula), reward), "search")
    ledger.close()
    assert run(f"{tmp_path}#1", *SMALL, "--out", tmp_path / "run") == 0
    assert capsys.readouterr().out.startswith("Tuning drop(g, 0.3) on ")
    assert "K at most 2, the number of rules" in refused(command.main, [f"{tmp_path}#3", *SMALL], capsys)
    assert "K at least 1" in refused(command.main, [f"{tmp_path}#0", *SMALL], capsys)


def test_a_rule_of_a_run_is_tuned_on_its_task_unless_another_is_given(fake, tmp_path, capsys):
    def make_run(name, **config):
        (tmp_path / name).mkdir()
        ledger = Ledger(tmp_path / name / LEDGER, config)
        ledger.add_evaluation(fakes.fake_evaluation(parse_formula("m"), 0.2), "search")
        ledger.close()
        return f"{tmp_path / name}#1"

    few = ["--budget", "800", "--seeds", "2"]
    one = make_run("one", task=["digits_mlp"], protocol="reduced")
    assert run(one, *few, "--out", tmp_path / "a") == 0
    assert " on digits_mlp/reduced, " in capsys.readouterr().out
    assert run(one, "--task", "digits", "--protocol", "reduced", *few, "--out", tmp_path / "b") == 0
    assert " on digits/reduced, " in capsys.readouterr().out
    two = make_run("two", task=["digits", "digits_mlp"])
    said = refused(command.main, [two, *few], capsys)
    assert "argument --task: is needed, because" in said and "searched on several: digits digits_mlp." in said


def test_of_the_settings_of_a_rule_that_of_its_task_is_tried_first(tmp_path, monkeypatch):
    """With `tune` as with the command."""
    e = fakes.fake_evaluation(parse_formula("m"), 0.2)
    part = functools.partial(Part, zero=0.0, one=1.0, rewards=e.rewards, accuracy=0.5, status="ok")
    parts = part("digits", learning_rate=0.1), part("digits_mlp", learning_rate=0.2, schedule="cosine")
    ledger = Ledger(tmp_path / LEDGER, {})
    ledger.add_evaluation(dataclasses.replace(e, parts=parts), "search")
    ledger.close()
    tried = []

    def carry_out(objective, rule, protocol, plan, *more):
        tried.append((plan.known.learning_rate, str(plan.known.schedule)))
        raise NothingTrained("no training")

    for module in (command, tuner):
        monkeypatch.setattr(module, "carry_out", carry_out)
    with pytest.raises(NothingTrained):
        tune("digits_mlp", f"{tmp_path}#1", steps=800, seeds=2, protocol="reduced")
    with pytest.raises(SystemExit):
        run(f"{tmp_path}#1", *SMALL, "--out", tmp_path / "run")
    assert tried == [(0.2, "cosine")] * 2


def test_it_begins_with_the_setting_that_a_rule_was_found_with(fake, tmp_path, capsys):
    out = tmp_path / "run"
    assert run("muon-drop0.1", *SMALL, "--out", out) == 0
    row, tried = CATALOGUE["muon-drop0.1"], fake[0].trainings[0][0]
    assert (tried.rule, tried.learning_rate, tried.weight_decay) == (row.rule, row.learning_rate, row.weight_decay)
    assert str(tried.schedule) == row.schedule
    printed = capsys.readouterr().out
    assert (
        "\nThe first trial uses the setting that is known for this rule: learning rate 0.172, linear, weight decay "
        in (printed)
    )
    before = read(out)
    assert run("--resume", out) == 0 and read(out) == before
    for statement in (
        "DELETE FROM study_user_attributes WHERE key = 'scale'",
        "UPDATE study_user_attributes SET value_json = '-1' WHERE key = 'scale'",
        "UPDATE study_user_attributes SET value_json = '{}' WHERE key = 'known setting'",
        "DELETE FROM study_user_attributes WHERE key = 'known setting'",
    ):
        damaged = pathlib.Path(shutil.copytree(out, tmp_path / "damaged"))
        use(statement)(damaged / STUDY)
        assert refused(command.main, ["--resume", damaged], capsys).startswith("nos-tune: argument --resume: ")
        shutil.rmtree(damaged)


def test_the_directory_of_a_search_is_named_as_such(tmp_path, capsys):
    Ledger(tmp_path / LEDGER, {}).close()
    said = refused(command.main, ["--resume", tmp_path], capsys)
    assert said == f"nos-tune: argument --resume: {tmp_path} is not a tuning: it holds a search."


def test_it_goes_on_where_it_was_stopped(fake, tuned, copy, capsys):
    trials, fresh = read(tuned)
    with contextlib.closing(sqlite3.connect(copy / STUDY)) as db:
        last = [number for (number,) in db.execute("SELECT trial_id FROM trials ORDER BY trial_id DESC LIMIT 15")]
        for table in ("trials", "trial_params", "trial_values", "trial_intermediate_values", "trial_user_attributes"):
            db.execute(f"DELETE FROM {table} WHERE trial_id >= {min(last)}")
        db.execute("DELETE FROM study_user_attributes WHERE key LIKE 'fresh %'")
        db.commit()
    (copy / TUNED).unlink()
    assert len(read(copy)[0]) == len(trials) - 15
    assert run("--resume", copy) == 0
    assert read(copy) == (trials, fresh)
    assert (copy / TUNED).read_text() == (tuned / TUNED).read_text()


def test_what_is_finished_says_it_again(fake, tuned, copy, capsys):
    before = read(copy)
    assert run("--resume", copy) == 0
    assert (tuned / TUNED).read_text() in capsys.readouterr().out
    assert read(copy) == before and not any(objective.trainings for objective in fake)


def test_a_larger_budget_goes_on(fake, copy):
    before = len(read(copy)[0])
    assert run("--resume", copy, "--budget", "1200") == 0
    assert len(read(copy)[0]) > before


def test_a_budget_below_what_was_spent_is_refused(fake, copy, capsys):
    """Nothing changes then; with just what was spent and is still needed, the tuning goes on to its end."""
    protocol = find_task("digits_mlp").protocols["reduced"]
    use("DELETE FROM study_user_attributes WHERE key LIKE 'fresh % 10001'")(copy / STUDY)
    before = read(copy)
    with contextlib.closing(StudyFile(copy / STUDY)) as file:
        spent, owed, config = count_spent(file, protocol), len(file.fresh) * protocol.final_steps, file.config
    for too_small in (spent - 1, spent + owed - 1):
        said = refused(command.main, ["--resume", copy, "--budget", too_small], capsys)
        assert said == (
            f"nos-tune: argument --budget: must be at least {spent + owed}: the tuning spent {spent} steps, and the "
            f"fresh seeds of its best settings still need {owed}. Received: {too_small}."
        )
        with contextlib.closing(StudyFile(copy / STUDY)) as file:
            assert file.config == config
    assert read(copy) == before and not any(objective.trainings for objective in fake)
    assert run("--resume", copy, "--budget", spent + owed) == 0
    with contextlib.closing(StudyFile(copy / STUDY)) as file:
        assert count_spent(file, protocol) == spent + owed


def test_versions_are_noted_when_they_change(fake, copy, monkeypatch, capsys):
    began = find_versions()
    use(  # as the first tunings had them, without Optuna's
        "UPDATE study_user_attributes SET value_json = json_remove(json_extract(value_json, '$[0]'), '$.optuna') "
        "WHERE key = 'versions'"
    )(copy / STUDY)
    first = {name: version for name, version in began.items() if name != "optuna"}
    upgraded, change = {**began, "optuna": "99.1"}, f"optuna {began['optuna']} -> 99.1"
    for now, recorded, said in (
        (began, [first, began], []),
        (upgraded, [first, began, upgraded], [change]),
        (upgraded, [first, began, upgraded], []),
    ):
        monkeypatch.setattr(command, "find_versions", lambda now=now: now)
        assert run("--resume", copy) == 0
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nos-tune: ")]
        assert lines == [
            f"nos-tune: the software changed since this tuning ran last ({one}): the result may differ from that of "
            "a tuning with one version."
            for one in said
        ]
        with contextlib.closing(StudyFile(copy / STUDY)) as file:
            assert file.versions == recorded


@marks.only_long("It tunes as the others do.")
def test_rules_of_today(fake, tmp_path, capsys):
    assert run("clip(m_0.99, 0.02) + 0.5*drop(v, 0.2), beta_2=0.9", *SMALL, "--out", tmp_path / "run") == 0
    printed = capsys.readouterr().out
    for name in ("clip", "m", "number", "drop", "beta_2"):
        assert re.search(rf"^{name} +(0\.\d\d|-) ", printed, re.MULTILINE), name


@pytest.mark.usefixtures("fake", "trains_nothing")
@marks.only_long("test_own_task.py has it for searches.")
def test_a_task_of_your_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "own_task_to_tune.py"
    module.write_text(OWN_MODULE)
    words = ["--task", "own_task_to_tune:task", "--seeds", "1"]
    assert run("adam", *words, "--out", "run") == 0
    printed = capsys.readouterr().out
    reads = "Reads the data of own_task_to_tune:task, and trains it with Adam: two whole runs and a short one."
    assert printed.startswith(f"{reads}\nown_task_to_tune:task: 9 weights")
    assert "Tuning Adam on own_task_to_tune:task/default, end_accuracy, 1200 steps" in printed
    assert run("--resume", "run") == 0
    module.write_text(f"{OWN_MODULE}another = 1\n")
    sys.modules.pop("own_task_to_tune")
    load.cache_clear()
    said = refused(command.main, ["--resume", "run"], capsys, begun=True)
    assert "argument --resume: the task is not the one that the run began with (the code of own_task" in said
    assert "begin a new tuning" in said


@pytest.mark.usefixtures("fake", "trains_nothing")
def test_the_corrected_command_runs_in_the_directory_of_one_that_failed(tmp_path, monkeypatch, capsys):
    """It has the traceback, which stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_task_that_fails.py").write_text(OWN_MODULE)
    words = ["adam", "--task", "own_task_that_fails:task", "--seeds", "1", "--out", "run"]
    with monkeypatch.context() as patch:
        patch.setattr(Describer, "__call__", fakes.fail_to_describe)
        assert refused(command.main, words, capsys, begun=True).endswith("The traceback is in run/tracebacks.txt.")
    (kept,) = (tmp_path / "run").iterdir()
    text = kept.read_text()
    assert run(*words) == 0
    told = r"; at most 11 steps and about 0\.\d+ s a trial\n"  # 6 of a training, and the probe
    assert re.search(told, capsys.readouterr().out)
    assert kept.name == "tracebacks.txt" and kept.read_text() == text


# -- What it refuses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "argument RULE: is needed, unless there is --resume RUN."),
        (["adamm"], "Names like it: adam"),
        (["g *"], "; as a formula, it has its end where an operand is expected at position 3."),
        (["moun"], "as a formula, it has an unknown word 'moun' at position 0. Names like it: muon"),
        (["#1"], "argument RULE: must be RUN#K, where RUN is the directory of a run. Received: '#1'."),
        (["/"], "argument RULE: must be RUN#K. For the best rule of this run: /#1"),
        (["adam", "--out", "/dev/null"], "argument --out: /dev/null is not a directory. Give another one."),
        (["nowhere#1"], "nowhere is not a run of nos-search"),
        (["adam", "--budget", "100"], "argument --budget: must be at least "),
        (["adam", "--budget", "x"], "argument --budget: must be a whole number"),
        (["adam", "--seeds", "0"], "argument --seeds: must be a whole number from 1"),
        (["adam", "--reward", "loss"], "argument --reward: must be one of: final_accuracy, end_accuracy"),
        (["adam", "--task", "nothing"], "argument --task: must be one of"),
        (["adam", "--protocol", "nothing"], "argument --protocol: must be one of"),
        (["adam", "--seeds_per_rule", "2"], "argument --seeds_per_rule: there is no such flag"),
        (["--resume", "nowhere"], "argument --resume: nowhere is not a tuning"),
        (["--resume", "nowhere", "--out", "x"], "argument --out: not allowed with --resume"),
    ],
)
def test_wrong_flags(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = refused(command.main, words, capsys)
    assert said in printed and "\\n" not in printed
    assert not list(tmp_path.iterdir())


def test_flags_that_stay(copy, capsys):
    said = refused(command.main, ["--resume", copy, "--seed", "3"], capsys)
    assert "argument --seed: not allowed with --resume: a resumed run keeps its own (0). Only --budget" in said


def test_a_directory_has_one_owner(tuned, tmp_path, capsys):
    assert "holds a tuning of nos-tune. Use --resume" in refused(
        command.main, ["adam", *SMALL, "--out", tuned], capsys
    )
    (tmp_path / TUNED).write_text("mine")
    assert f"has {TUNED}, which the tuning would write over" in refused(
        command.main, ["adam", *SMALL, "--out", tmp_path], capsys
    )
    (tmp_path / "run").mkdir()
    Ledger(tmp_path / "run" / LEDGER, {}).close()
    assert "holds a search" in refused(command.main, ["adam", *SMALL, "--out", tmp_path / "run"], capsys)


def test_one_process_writes(copy, capsys):
    with contextlib.closing(StudyFile(copy / STUDY)):
        assert "is being written by another process" in refused(command.main, ["--resume", copy], capsys)


def overwrite(path):
    content = bytearray(path.read_bytes())
    content[1000:60000] = b"\xff" * 59000
    path.write_bytes(content)


def use(statement):
    def change(path):
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(statement)
            db.commit()

    return change


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"text\n" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:30000]),
        overwrite,
        use("DROP TABLE trial_params"),
        use("DELETE FROM study_user_attributes WHERE key = 'rule'"),
        use("UPDATE study_user_attributes SET value_json = '3' WHERE key = 'rule'"),
        use("UPDATE study_user_attributes SET value_json = '{\"no\": 1}' WHERE key = 'config'"),
        use("UPDATE study_user_attributes SET value_json = '\"x\"' WHERE key LIKE 'fresh%'"),
        use("DELETE FROM study_user_attributes WHERE key = 'versions'"),
        use("UPDATE study_user_attributes SET value_json = '[]' WHERE key = 'versions'"),
        use("UPDATE study_user_attributes SET value_json = '[{\"optuna\": 4}]' WHERE key = 'versions'"),
        use("UPDATE studies SET study_name = 'another'"),
        use("UPDATE trials SET state = 'RUNNING'"),
        use("UPDATE trials SET state = 'NONE'"),
        use("DELETE FROM trial_user_attributes"),
        use("DELETE FROM trial_params WHERE trial_id = 3"),
        use("UPDATE trial_params SET param_value = 1e9 WHERE param_name = 'beta_1'"),
        use("UPDATE trial_user_attributes SET value_json = '\"x\"' WHERE key = 'scale'"),
        use("UPDATE trial_user_attributes SET value_json = 'NaN' WHERE key = 'scale'"),
        use("UPDATE trial_user_attributes SET value_json = '0' WHERE key = 'scale'"),
        use("DELETE FROM trial_user_attributes WHERE key = 'scale'"),
        use("UPDATE trial_user_attributes SET value_json = '-1000000' WHERE key = 'steps' AND trial_id = 3"),
        use("UPDATE trial_user_attributes SET value_json = '1000000' WHERE key = 'steps' AND trial_id = 3"),
        use("DELETE FROM trial_values"),
        use("UPDATE trial_values SET value = 1e300"),
        use("UPDATE trial_intermediate_values SET intermediate_value = NULL"),
        use("UPDATE trial_intermediate_values SET intermediate_value_type = 'NAN'"),
        use("UPDATE trial_intermediate_values SET intermediate_value = -1"),
        use("UPDATE trials SET datetime_complete = NULL"),
        use("UPDATE trials SET state = 'FAIL'"),
        use("UPDATE study_user_attributes SET value_json = '7' WHERE key LIKE 'fresh%'"),
        use("UPDATE trial_params SET distribution_json = 'x'"),
        use("CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM studies; END"),
    ],
)
def test_a_damaged_file_is_one_sentence(damage, fake, copy, capsys):
    damage(copy / STUDY)
    said = refused(command.main, ["--resume", copy], capsys)
    assert said.startswith("nos-tune: argument --resume: ")
    assert "has no Argument" not in said and "has no could" not in said and not said.endswith(": ")


def test_a_fault_while_writing_is_no_damage(copy, monkeypatch):
    def fail(trial):
        raise KeyError("a fault of the program")

    with contextlib.closing(StudyFile(copy / STUDY)) as study:
        monkeypatch.setattr(study._study, "add_trial", fail)
        with pytest.raises(KeyError, match="a fault of the program"):
            study.add_trial(study.trials[0])


def test_fresh_seeds_are_those_of_no_search(copy):
    """A search trains with the seeds after the protocol's own, and measures its best rules again with others."""
    with contextlib.closing(StudyFile(copy / STUDY)) as study:
        seeds = {seed for _, seed in study.fresh}
    assert len(seeds) == 2 and seeds.isdisjoint({*range(1000), *choose_seeds(1000, used=range(100))})


def test_a_fresh_reward_that_rounding_moved_above_1_is_one(copy):
    use("UPDATE study_user_attributes SET value_json = '1.0000001' WHERE key LIKE 'fresh%'")(copy / STUDY)
    with contextlib.closing(StudyFile(copy / STUDY)) as study:
        assert set(study.fresh.values()) == {1.0000001}


def test_a_whole_file_has_no_journal_beside_it(tuned):
    """What was written ahead is in the file when it is closed."""
    assert sorted(path.name for path in tuned.iterdir() if "sqlite" in path.name) == [STUDY]
    with contextlib.closing(sqlite3.connect(tuned / STUDY)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_new_file_is_whole_by_itself(tmp_path):
    """What SQLite would write ahead, on a full disk it would lose without a word."""
    create(tmp_path / STUDY, {}, parse_formula("g"))
    assert [path.name for path in tmp_path.iterdir()] == [STUDY]
    with contextlib.closing(sqlite3.connect(tmp_path / STUDY)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert db.execute("SELECT study_name FROM studies").fetchone() == (NAME,)


def test_a_disk_that_is_full_at_the_beginning(tmp_path, monkeypatch, capsys):
    """Nothing stays behind: neither half a file nor the directory."""
    connect = sqlite3.connect

    def connect_to_a_small_disk(*arguments, **more):
        db = connect(*arguments, **more)
        db.execute("PRAGMA max_page_count = 20")
        return db

    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect_to_a_small_disk)
    monkeypatch.setattr(sqlite3, "connect", connect_to_a_small_disk)
    said = refused(command.main, ["adam", *SMALL, "--out", tmp_path / "run"], capsys)
    why = "database or disk is full. Give another directory."
    assert said == f"nos-tune: argument --out: cannot write to {tmp_path}/run: {why}"
    assert not list(tmp_path.iterdir())


def test_another_database_is_left_alone(tmp_path, capsys):
    with contextlib.closing(sqlite3.connect(tmp_path / STUDY)) as db:
        db.execute("CREATE TABLE mine (x)")
    before = (tmp_path / STUDY).read_bytes()
    assert "is not a study of nos-tune" in refused(command.main, ["--resume", tmp_path], capsys)
    assert (tmp_path / STUDY).read_bytes() == before


def test_a_place_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    said = refused(command.main, ["adam", *SMALL, "--out", tmp_path / "file" / "run"], capsys)
    assert said.startswith(f"nos-tune: argument --out: cannot write to {tmp_path}/file/run: ")


# -- A process of its own --------------------------------------------------------------------------


FAKE_THAT_IS_KILLED = """
import os, signal, sys
from fake_objective import FakeObjective
from neural_optimizer_search.tuning import command
from neural_optimizer_search.tuning.study_file import StudyFile

def add_trial(self, trial, add=StudyFile.add_trial):
    add(self, trial)
    if trial.number == 11:
        os.kill(os.getpid(), signal.SIGKILL)

StudyFile.add_trial = add_trial
command.TaskObjective = lambda task, protocol, reward, data_dir: FakeObjective(protocol)
command.main(sys.argv[1:])
"""


def run_process(*words):
    return subprocess.Popen([sys.executable, *map(str, words)], env=environment(), stdout=-1, stderr=-1)


@pytest.mark.slow
def test_a_tuning_that_is_killed_goes_on_exactly(fake, tuned, tmp_path):
    out = tmp_path / "run"
    killed = run_process("-c", FAKE_THAT_IS_KILLED, "sign(g) * m", *SMALL, "--out", out)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL and len(read(out)[0]) == 12
    assert run("--resume", out) == 0
    assert read(out) == read(tuned)


@marks.only_long("It trains, in four processes.")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_a_training_that_is_ended_goes_on_exactly(number, code, tmp_path):
    words = ["--task", "digits_mlp", "--protocol", "reduced", "--budget", "500", "--seeds", "1"]
    tune = ["-m", "neural_optimizer_search.tuning.command"]
    whole, ended = tmp_path / "whole", tmp_path / "ended"
    first = run_process(*tune, "drop(m, 0.3)", *words, "--out", ended)
    wait_until(lambda: (ended / STUDY).exists() and count_trials(ended / STUDY) >= 12, process=first)
    first.send_signal(number)
    _, said = first.communicate()
    assert first.returncode == code
    assert number == signal.SIGKILL or f"Go on with: nos-tune --resume {ended}".encode() in said
    assert count_trials(ended / STUDY) < 25
    for more in (["--resume", ended], ["drop(m, 0.3)", *words, "--out", whole]):
        process = run_process(*tune, *more)
        process.communicate()
        assert process.returncode == 0
    assert read(ended) == read(whole)
    assert (ended / TUNED).read_text() == (whole / TUNED).read_text()


def count_trials(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("SELECT COUNT(*) FROM trials").fetchone()[0]


def test_a_tuning_that_could_not_begin_leaves_nothing(tmp_path, capsys):
    pytest.importorskip("tensorflow_datasets")
    flags = ["adam", "--task", "cifar10", "--data_dir", tmp_path / "nowhere", "--out", tmp_path / "run"]
    with pytest.raises(SystemExit, match="2"):
        run(*flags)
    assert "nos-tune: --data_dir must be a tensorflow_datasets directory " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
