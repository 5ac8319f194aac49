"""Which Keras is taken for Keras 3, and which is too old, by fakes that stand for the installed version."""

import configparser
import importlib.machinery
import importlib.metadata
import os
import pathlib
import re
import runpy
import subprocess
import sys
import types

import pytest

from neural_optimizer_search import keras_versions, parse_formula

ROOT = pathlib.Path(__file__).parent.parent
LOWEST = ".".join(map(str, keras_versions.LOWEST_KERAS_3))
TOO_OLD = pytest.mark.parametrize("version", ["3.0.0", "3.0.5", "3.3.3", "3.4.1"])


def fake_keras(version, name="keras"):
    """What is looked at when `keras_versions` is imported. `add_optimizer_variables` is there from Keras 3.10 on."""
    keras = types.ModuleType(name)
    keras.__file__, keras.__version__ = "keras.py", version
    keras.Model = type("Model", (), {"__module__": f"{name}.src.models.model"})
    major, minor = map(int, version.split(".")[:2])
    methods = {"add_optimizer_variables": None} if (major, minor) >= (3, 10) else {}
    keras.optimizers = types.SimpleNamespace(Optimizer=type("Optimizer", (), methods))
    if major > 2:
        keras.ops, keras.config = types.ModuleType("ops"), types.SimpleNamespace(backend=lambda: "jax")
    return keras


def fake_tensorflow(keras):
    tensorflow = types.ModuleType("tensorflow")
    tensorflow.__spec__ = importlib.machinery.ModuleSpec("tensorflow", None)
    tensorflow.keras = types.SimpleNamespace(**{**vars(keras), "__version__": None})  # which has none
    return tensorflow


def decide(monkeypatch, version, legacy=False):
    """The names of `keras_versions` where this version is installed; `legacy` for tf_keras beside Keras 3."""
    name = "tf_keras" if legacy else "keras"
    keras = fake_keras(version, name)
    monkeypatch.setitem(sys.modules, name, keras)
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow(keras))
    monkeypatch.setattr(importlib.metadata, "version", lambda package: "3.15.1" if legacy else version)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1" if legacy else "0")
    return runpy.run_path(keras_versions.__file__)


@pytest.mark.parametrize("version", [f"{LOWEST}.0", "3.9.2", "3.10.0", "3.15.1", "3.16.0.dev2026010103", "4.0.0"])
def test_keras_3(monkeypatch, version):
    names = decide(monkeypatch, version)
    assert names["KERAS_3"] and names["VERSION"] == version
    assert (names["BACKEND"], names["BUILT"]) == ("jax", "built")


@pytest.mark.parametrize(("version", "legacy"), [("2.15.0", False), ("2.21.0", True)], ids=["keras", "tf_keras"])
def test_keras_2(monkeypatch, version, legacy):
    names = decide(monkeypatch, version, legacy)
    assert not names["KERAS_3"] and names["VERSION"] == version
    assert (names["BACKEND"], names["BUILT"]) == ("tensorflow", "_built")


@TOO_OLD
def test_an_older_keras_3_is_refused(monkeypatch, version):
    with pytest.raises(ImportError) as refused:
        decide(monkeypatch, version)
    assert f"Keras {LOWEST} or later: " in str(refused.value)
    assert str(refused.value).endswith(f"Received: Keras {version}.")


def test_a_command_says_that_keras_is_too_old(tmp_path):
    (tmp_path / "keras-3.4.1.dist-info").mkdir()
    (tmp_path / "keras-3.4.1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.4.1\n")
    (tmp_path / "keras.py").write_text(
        "class Model: ...\nclass optimizers:\n    class Optimizer: ...\n__version__ = '3.4.1'\n"
    )
    code = "import nos_commands as it, sys; print(it.search(), it.optimizers())"
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "TF_USE_LEGACY_KERAS": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "2 2\n", done.stderr
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["nos-search", "nos-optimizers"]
    assert all(line.endswith("Received: Keras 3.4.1.") for line in lines)


def test_the_extras_ask_for_the_lowest():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    extras = settings["options.extras_require"]
    for name in ("jax", "torch"):
        assert f"keras>={LOWEST}" in extras[name].split()


@pytest.mark.parametrize("document", ["README.md", "docs/how-to/use-a-rule.md"])
def test_the_documents_name_the_lowest(document):
    assert f"Keras {LOWEST} or later" in (ROOT / document).read_text()


@pytest.mark.parametrize("version", ["2.15.0", f"{LOWEST}.0", "3.9.2", "3.15.1"])
def test_an_exported_file_of_tensorflow_decides_alike(version):
    (decision,) = re.findall("^KERAS_3 = (.*)$", parse_formula("g").to_source("Mine", "tensorflow"), re.MULTILINE)
    assert eval(decision, {"tf": fake_tensorflow(fake_keras(version))}) == (not version.startswith("2."))
