"""The package where TensorFlow, or any backend, is missing: in processes that cannot import some packages."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from about import is_about
from backends import BACKEND

from neural_optimizer_search.keras_versions import KERAS_3

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SNIPPET = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
TENSORFLOW = ("tensorflow", "tf_keras")
EXTRAS = ("neural-optimizer-search[tensorflow]", "neural-optimizer-search[jax]", "neural-optimizer-search[torch]")
BLOCK = "import sys; sys.modules.update(dict.fromkeys({names!r}))\n"  # to be imported, each is then not there
ON_JAX = pytest.mark.skipif(BACKEND != "jax", reason="The run on JAX has it.")
WITHOUT_IT = pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=pytest.mark.skipif(name != BACKEND, reason=f"The run on {name} has it."))
        for name in ("jax", "torch")
    ],
)


def run(code, *blocked, backend=""):
    """Runs code in a process of its own, in which the blocked packages are not installed."""
    env = {**os.environ, "KERAS_BACKEND": backend}
    for name in ("TF_USE_LEGACY_KERAS", *(() if backend else ("KERAS_BACKEND",))):
        env.pop(name, None)
    command = [sys.executable, "-c", (BLOCK.format(names=blocked) if blocked else "") + code]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


def last_line(result):
    assert result.returncode, result.stdout
    return result.stderr.strip().splitlines()[-1]


@WITHOUT_IT
def test_the_readme_s_first_example(backend):
    result = run(SNIPPET, *TENSORFLOW, backend=backend)
    assert result.returncode == 0, result.stderr
    assert is_about(SNIPPET, result.stdout, 100)  # it differs with the weights at the start


@WITHOUT_IT
def test_every_optimizer_and_schedule_is_made_and_listed(backend):
    code = """
import neural_optimizer_search as nos, nos_commands
nos.AddSign(nos.LinearCosineDecay(0.1, 9)), nos.RuleOptimizer("Adam", nos.NoisyLinearCosineDecay(0.1, 9))
for row in nos.optimizers.CATALOGUE.values():
    assert row.make(**{"decay_steps": 9} if row.rule.decays or row.schedule else {})
sys.argv = ["nos-optimizers", "powersign"]
sys.exit(nos_commands.optimizers())
"""
    result = run(code, *TENSORFLOW, backend=backend)
    assert (result.returncode, result.stderr) == (0, "")
    assert "exp(sign(g) * sign(m)) * g" in result.stdout


@WITHOUT_IT
def test_importing_prints_nothing_and_leaves_tensorflow_alone(backend):
    code = "import sys, neural_optimizer_search; print(sorted({'tensorflow', 'tf_keras'} & set(sys.modules)))"
    result = run(code, backend=backend)
    assert (result.stdout, result.stderr) == ("[]\n", "")


@WITHOUT_IT
def test_a_command_that_needs_tensorflow_says_what_to_install(backend):
    extras = {"search": "search", "promote": "search", "learn": "l2o", "report": "search"}
    code = f"""
import nos_commands
for command in {list(extras)}:
    try:
        print(getattr(nos_commands, command)())
    except SystemExit as stop:
        print(stop.code)
"""
    result = run(code, *TENSORFLOW, backend=backend)
    codes, said = result.stdout.splitlines(), result.stderr.splitlines()
    assert len(codes) == len(said) == len(extras) and not {"0", "None"} & set(codes), result.stderr
    for line, (command, extra) in zip(said, extras.items()):
        assert line.startswith(f"nos-{command}: needs Keras on TensorFlow: ")
        assert f"neural-optimizer-search[{extra}]" in line


@pytest.mark.parametrize("blocked", [("keras",), ()], ids=["no Keras", "the variable is not set"])
def test_without_a_backend_the_import_says_which_there_are(blocked):
    result = run("import neural_optimizer_search", *TENSORFLOW, *blocked)
    said = last_line(result)
    assert said.startswith("ImportError: ") and all(extra in said for extra in EXTRAS)
    assert result.stderr.count("Traceback") == 1
    if BACKEND != "tensorflow" and not blocked:
        assert "set the environment variable KERAS_BACKEND to " in said and BACKEND in said


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 has no other backends.")
def test_a_backend_that_keras_does_not_know():
    said = last_line(run("import neural_optimizer_search", backend="JAX"))
    assert said.startswith("ImportError: ") and "KERAS_BACKEND" in said


@ON_JAX
def test_a_backend_that_keras_does_not_find():
    said = last_line(run("import neural_optimizer_search", "jax", backend="jax"))
    assert said.startswith("ImportError: ") and all(extra in said for extra in EXTRAS)


@ON_JAX
def test_a_backend_that_trains_nothing_is_named_at_construction():
    code = """
import neural_optimizer_search as nos
for make in (nos.PowerSign, nos.AddSign, lambda: nos.RuleOptimizer("g"), lambda: nos.LinearCosineDecay(0.1, 9)):
    try:
        make()
    except RuntimeError as error:
        print(error)
"""
    result = run(code, backend="numpy")
    said = result.stdout.splitlines()
    assert len(said) == 4 and len(set(said)) == 1, result.stderr
    assert "'numpy'" in said[0] and "KERAS_BACKEND to tensorflow, jax or torch" in said[0]
