"""Imports point one way (the table in CONTRIBUTING.md); a file may import its own place and what that lists."""

import ast
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parent.parent
CORE = "neural_optimizer_search"
DSL = f"{CORE}.dsl"

COMMANDS = {
    f"{CORE}.{name}"
    for name in (
        "arguments", "command_line", "console", "describe_error", "file_lock", "files", "flags", "origin",
        "plurals", "recorded_flags", "stopping", "user_error", "versions",
    )
}  # fmt: skip

KERAS = {f"{CORE}.keras_versions", f"{CORE}.operations"}

# Place -> the places it may import; the longest name that a module starts with is its place.
MAY_IMPORT = {
    CORE: {f"{CORE}.optimizers", f"{CORE}.schedules", DSL},  # __init__.py: the public names
    f"{CORE}.keras_versions": set(),
    f"{CORE}.operations": {f"{CORE}.keras_versions"},
    f"{CORE}.decays": {f"{CORE}.operations", f"{DSL}.numbers"},
    f"{CORE}.flat_weights": set(),
    f"{CORE}.arguments": set(),
    f"{CORE}.user_error": set(),
    f"{CORE}.files": {f"{CORE}.user_error"},
    f"{CORE}.code_hash": set(),
    f"{CORE}.command_line": {f"{CORE}.user_error"},
    f"{CORE}.origin": set(),
    f"{CORE}.plurals": set(),
    f"{CORE}.stopping": set(),
    f"{CORE}.console": {f"{CORE}.command_line", f"{CORE}.files", f"{CORE}.stopping"},
    f"{CORE}.file_lock": set(),
    f"{CORE}.describe_error": {f"{CORE}.code_hash", f"{CORE}.command_line"},
    f"{CORE}.versions": {f"{CORE}.keras_versions"},
    f"{CORE}.flags": {f"{CORE}.command_line", f"{CORE}.versions"},
    f"{CORE}.recorded_flags": {f"{CORE}.command_line", f"{CORE}.files", f"{CORE}.flags"},
    f"{CORE}.schedules": {f"{CORE}.arguments", f"{CORE}.decays", f"{CORE}.schedule_shape", *KERAS},
    f"{DSL}.numbers": set(),
    DSL: {f"{CORE}.decays", f"{CORE}.operations"},
    f"{CORE}.optimizers": {f"{CORE}.decays", f"{CORE}.schedules", *KERAS, *COMMANDS, DSL},
    f"{CORE}.objectives": set(),
    f"{CORE}.l2o": {
        CORE,
        *(f"{CORE}.{place}" for place in ("keras_versions", "objectives", "optimizers", "records")),
        *COMMANDS,
    },
    f"{CORE}.schedule_shape": {f"{CORE}.decays", f"{CORE}.operations"},
    f"{CORE}.tasks": {
        f"{CORE}.code_hash", f"{CORE}.optimizers", f"{CORE}.keras_versions", f"{CORE}.schedule_shape", *COMMANDS, DSL
    },
    f"{CORE}.measuring": {
        f"{CORE}.schedule_shape", f"{CORE}.code_hash", f"{CORE}.files", f"{CORE}.tasks", f"{CORE}.flat_weights",
        f"{CORE}.plurals", f"{CORE}.user_error", *KERAS, DSL
    },
    f"{CORE}.workers": {f"{CORE}.measuring", f"{CORE}.tasks", *COMMANDS, DSL},
    f"{CORE}.records": {f"{CORE}.measuring", f"{CORE}.schedule_shape", *COMMANDS, DSL},
}  # fmt: skip
MAY_IMPORT[f"{CORE}.trials"] = {
    f"{CORE}.measuring", f"{CORE}.tasks", f"{CORE}.schedule_shape", *COMMANDS, DSL
}  # fmt: skip
MAY_IMPORT[f"{CORE}.search"] = {
    *(f"{CORE}.{place}" for place in ("records", "workers", "measuring", "optimizers", "keras_versions", "trials")),
    f"{CORE}.tasks", f"{CORE}.schedule_shape", *COMMANDS, DSL
}  # fmt: skip
MAY_IMPORT[f"{CORE}.promotion"] = {f"{CORE}.search", *MAY_IMPORT[f"{CORE}.search"]}
MAY_IMPORT[f"{CORE}.report"] = {*MAY_IMPORT[f"{CORE}.promotion"], f"{CORE}.objectives", f"{CORE}.operations"}
MAY_IMPORT[f"{CORE}.tuning"] = {f"{CORE}.promotion", f"{CORE}.operations", *MAY_IMPORT[f"{CORE}.promotion"]}
MAY_IMPORT["tf_agents_env"] = {
    f"{CORE}.l2o", f"{CORE}.objectives", f"{CORE}.flat_weights", *MAY_IMPORT[f"{CORE}.report"]
}  # fmt: skip
MAY_IMPORT["benchmarks"] = {
    CORE, "tf_agents_env", "benchmarks.commands", "benchmarks.studies", "benchmarks.experiments",
    f"{CORE}.tuning", *MAY_IMPORT["tf_agents_env"]
}  # fmt: skip
MAY_IMPORT["benchmarks.plotting"] = set()
MAY_IMPORT["benchmarks.data"] = {f"{CORE}.tasks", f"{CORE}.user_error"}
MAY_IMPORT["benchmarks.networks"] = {"benchmarks.data"}
MAY_IMPORT["benchmarks.trials"] = {
    "benchmarks.plotting", f"{CORE}.records", f"{CORE}.search", f"{CORE}.workers", f"{CORE}.optimizers",
    f"{CORE}.schedule_shape", f"{CORE}.schedules", f"{CORE}.file_lock", f"{CORE}.files", f"{CORE}.user_error"
}  # fmt: skip
MAY_IMPORT["benchmarks.experiments"] = {
    "benchmarks.trials", "benchmarks.networks", "benchmarks.data", f"{CORE}.tasks", f"{CORE}.objectives",
    f"{CORE}.user_error"
}  # fmt: skip
MAY_IMPORT["benchmarks.commands"] = {"benchmarks.experiments", "benchmarks.trials", *COMMANDS}
MAY_IMPORT["benchmarks.studies"] = {
    "benchmarks.plotting", "benchmarks.data", "benchmarks.trials", "benchmarks.experiments",
    "tf_agents_env", f"{CORE}.tuning", *MAY_IMPORT["tf_agents_env"], *KERAS
}  # fmt: skip
# How numbers are written is a place of its own, because the decays may read it and nothing else of the DSL.
for _places in (MAY_IMPORT[DSL], *(places for places in MAY_IMPORT.values() if DSL in places)):
    _places.add(f"{DSL}.numbers")
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


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=str)
def test_imports_point_one_way(module, path):
    here = place_of(module)
    for name in import_named(path):
        there = place_of(name)
        # `from neural_optimizer_search import x` is reported as both; the place of x decides.
        if there in (None, here) or (there == CORE and here.startswith("benchmarks")):
            continue
        if there == CORE and name == CORE:
            continue
        assert there in MAY_IMPORT[here], f"{module} imports {name}"


@pytest.mark.parametrize("name", DSL_ORDER)
def test_the_dsl_has_an_order(name):
    earlier = DSL_ORDER[: DSL_ORDER.index(name)]
    package = ROOT / CORE / "dsl" / name  # "exports"
    for path in package.glob("*.py") if package.is_dir() else [package.with_suffix(".py")]:
        for imported_name in import_named(path):
            if imported_name.startswith(f"{DSL}."):
                assert imported_name.split(".")[2] in {*earlier, package.name if package.is_dir() else ""}


def test_the_core_runs_without_optional_packages():
    code = f"""
import sys
for name in ("tf_agents", "sklearn", "tensorflow_datasets", "tqdm", "latex2mathml", "optuna"):
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
