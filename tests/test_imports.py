"""Imports point one way: a file may import its own place, and those that `MAY_IMPORT` lists for that."""

import ast
import configparser
import importlib.metadata
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parent.parent
CORE = "neural_optimizer_search"
DSL = f"{CORE}.dsl"


def core(*places):
    return {f"{CORE}.{place}" for place in places}


# What commands are made of: a place that has one may import all of these.
COMMANDS = core(
    "arguments", "command_line", "console", "describe_error", "file_lock", "files", "flags", "origin", "plurals",
    "recorded_flags", "stopping", "user_error", "versions",
)  # fmt: skip

KERAS = core("keras_versions", "operations")

# Place -> the places it may import; the longest name that a module starts with is its place.
MAY_IMPORT = {
    CORE: {DSL, *core("optimizers", "schedules")},  # __init__.py: the public names
    **{
        place: set()
        for place in core(
            "arguments", "code_hash", "file_lock", "flat_weights", "keras_versions", "objectives", "origin",
            "plurals", "stopping", "user_error",
        )
    },
    f"{CORE}.command_line": core("user_error"),
    f"{CORE}.files": core("user_error"),
    f"{CORE}.operations": core("keras_versions"),
    f"{DSL}.numbers": set(),
    f"{CORE}.decays": {f"{DSL}.numbers", *core("operations")},
    f"{CORE}.schedule_shape": core("decays", "operations"),
    f"{CORE}.schedules": {*core("arguments", "decays", "schedule_shape"), *KERAS},
    f"{CORE}.console": core("command_line", "files", "stopping"),
    f"{CORE}.describe_error": core("code_hash", "command_line"),
    f"{CORE}.versions": core("keras_versions"),
    f"{CORE}.flags": core("command_line", "versions"),
    f"{CORE}.recorded_flags": core("command_line", "files", "flags"),
    DSL: core("decays", "operations", "schedule_shape"),
    f"{CORE}.optimizers": {DSL, *core("decays", "schedules"), *KERAS, *COMMANDS},
    f"{CORE}.listing": {
        DSL,
        *core(
            "command_line", "console", "flags", "keras_versions", "optimizers", "schedule_shape", "search",
            "user_error",
        ),
    },
    f"{CORE}.l2o": {*core("keras_versions", "objectives", "optimizers", "records"), *COMMANDS},
    f"{CORE}.tasks": core(
        "arguments", "code_hash", "command_line", "describe_error", "file_lock", "flags", "keras_versions", "plurals",
        "schedule_shape", "user_error",
    ),
    f"{CORE}.measuring": {
        DSL, *core("code_hash", "files", "flat_weights", "plurals", "schedule_shape", "tasks", "user_error"), *KERAS
    },
    f"{CORE}.workers": {
        DSL,
        *core("command_line", "console", "describe_error", "flags", "measuring", "plurals", "tasks", "user_error"),
    },
    f"{CORE}.records": {
        DSL,
        *core("command_line", "file_lock", "files", "measuring", "origin", "schedule_shape", "user_error"),
    },
    f"{CORE}.trials": {DSL, *core("files", "measuring", "schedule_shape", "tasks")},
    f"{CORE}.search": {
        DSL,
        *core("keras_versions", "measuring", "optimizers", "records", "schedule_shape", "tasks", "trials", "workers"),
        *COMMANDS,
    },
    f"{CORE}.promotion": {DSL, *core("measuring", "records", "search", "tasks", "workers"), *COMMANDS},
    f"{CORE}.report": {
        DSL, *core("measuring", "objectives", "operations", "records", "search"), *COMMANDS
    },
    f"{CORE}.tuning": {
        DSL, *core("keras_versions", "measuring", "records", "schedule_shape", "search", "tasks", "trials"),
        *core("workers"), *COMMANDS,
    },
    "tf_agents_env": {
        DSL,
        *core("arguments", "command_line", "files", "flat_weights", "l2o", "measuring", "objectives", "records"),
        *core("search"),
    },
    "benchmarks": {
        "benchmarks.commands", "benchmarks.experiments", "benchmarks.studies", *core("workers"), *COMMANDS
    },
    "benchmarks.plotting": set(),
    "benchmarks.data": core("tasks", "user_error"),
    "benchmarks.networks": {"benchmarks.data"},
    "benchmarks.trials": {
        "benchmarks.plotting", CORE,
        *core("file_lock", "files", "optimizers", "schedule_shape", "schedules", "search", "user_error", "workers"),
    },
    "benchmarks.experiments": {
        "benchmarks.data", "benchmarks.networks", "benchmarks.trials", *core("objectives", "tasks", "user_error")
    },
    "benchmarks.commands": {
        "benchmarks.experiments", "benchmarks.trials",
        *core("command_line", "files", "flags", "plurals", "user_error"),
    },
    "benchmarks.studies": {
        "benchmarks.data", "benchmarks.experiments", "benchmarks.plotting", "benchmarks.trials", "tf_agents_env",
        CORE, DSL,
        *core("keras_versions", "l2o", "measuring", "objectives", "optimizers", "records", "schedule_shape"),
        *core("search", "tasks", "trials", "tuning", "workers"),
        *COMMANDS,
    },
}  # fmt: skip
# Within the DSL, each file may import those before it.
DSL_ORDER = (
    "numbers",
    "families",
    "constants",
    "averages",
    "vocabulary",
    "expression",
    "precedence",
    "printing",
    "state",
    "exports",
    "rule_tokens",
    "rule_checks",
    "emitting",
    "rule",
    "spelling",
    "lexing",
    "formula",
    "space",
    "search_space",
    "presets",
    "composed",
    "interpreter",
    "constants_read",
    "encoding",
    "token_interpreter",
)


def place_of(module):
    return max((name for name in MAY_IMPORT if f"{module}.".startswith(f"{name}.")), key=len, default=None)


def modules():
    for top in (CORE, "tf_agents_env", "benchmarks"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), path


def import_named(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def places_imported(path, here):
    """Yields the other places that a file imports, each with the name that it imports."""
    for name in import_named(path):
        there = place_of(name)
        # `from neural_optimizer_search import x` is reported as both; the place of x decides.
        if there not in (None, here) and name != CORE:
            yield there, name


def allow(here, there):
    """How numbers are written is a place of its own, because the decays may read it and nothing else of the DSL."""
    return there in MAY_IMPORT[here] or (there == f"{DSL}.numbers" and DSL in {here, *MAY_IMPORT[here]})


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=str)
def test_imports_point_one_way(module, path):
    here = place_of(module)
    for there, name in places_imported(path, here):
        assert allow(here, there), f"{module} imports {name}"


def test_every_permission_is_used():
    used = {here: set() for here in MAY_IMPORT}
    for module, path in modules():
        here = place_of(module)
        used[here] |= {there for there, _ in places_imported(path, here)}
    # A place that has a command may import whatever commands are made of.
    common = {here: COMMANDS if places >= COMMANDS else set() for here, places in MAY_IMPORT.items()}
    unused = {here: places - used[here] - common[here] for here, places in MAY_IMPORT.items()}
    assert not any(unused.values()), {here: sorted(places) for here, places in unused.items() if places}


def test_the_order_names_every_file_of_the_dsl():
    names = {path.stem for path in (ROOT / CORE / "dsl").iterdir() if path.stem not in ("__init__", "__pycache__")}
    assert sorted(DSL_ORDER) == sorted(names)


@pytest.mark.parametrize("name", DSL_ORDER)
def test_the_dsl_has_an_order(name):
    earlier = DSL_ORDER[: DSL_ORDER.index(name)]
    package = ROOT / CORE / "dsl" / name  # "exports"
    for path in package.glob("*.py") if package.is_dir() else [package.with_suffix(".py")]:
        for imported_name in import_named(path):
            if imported_name.startswith(f"{DSL}."):
                assert imported_name.split(".")[2] in {*earlier, package.name if package.is_dir() else ""}


# What is imported of a package whose name does not say it.
IMPORTED = {"pytest-xdist": "xdist", "scikit-learn": "sklearn"}


def read_optional_packages():
    """What the extras of setup.cfg install, but TensorFlow and Keras: package -> the name that it is imported by."""
    settings = configparser.ConfigParser(inline_comment_prefixes="#")
    settings.read(ROOT / "setup.cfg")
    lines = "\n".join(settings["options.extras_require"].values()).split("\n")
    packages = {re.match("[A-Za-z0-9_-]*", line)[0] for line in lines}
    packages -= {"", "tensorflow", "keras", "neural-optimizer-search"}
    return {package: IMPORTED.get(package, package.replace("-", "_")) for package in packages}


def test_optional_packages_are_imported_by_these_names():
    installed = {name for names in importlib.metadata.packages_distributions().values() for name in names}
    found = {name for package, name in read_optional_packages().items() if package in installed}
    assert {"matplotlib", "optuna", "ray", "scipy", "sklearn", "tensorboard", "tf_agents"} <= found
    assert [name for name in found if not importlib.util.find_spec(name)] == []


def test_the_core_runs_without_optional_packages():
    code = f"""
import sys
for name in {sorted(read_optional_packages().values())}:
    sys.modules[name] = None
import {CORE}, {CORE}.search.command, {CORE}.workers.config, {CORE}.tasks, {CORE}.l2o, {CORE}.report.command
from {CORE}.search import registry
for name in registry._SHIPPED:
    registry.find_algorithm(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("name", [CORE, "tf_agents_env.train", "benchmarks.studies.evaluation_speed"])
def test_importing_prints_nothing(name):
    code = f"import os; os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None); import {name}"
    result = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("", "")
