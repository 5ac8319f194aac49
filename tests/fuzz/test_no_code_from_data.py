"""Nothing in the packages can run code that stands in a ledger, a rule, a report or a checkpoint of a stranger."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = ("neural_optimizer_search", "tf_agents_env", "benchmarks")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
# By name, wherever it comes from: `pickle.load`, `cloudpickle.loads`, `from yaml import load`.
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "yaml", "code"}
BUILTINS = {"eval", "exec", "compile", "__import__", "breakpoint"}
METHODS = {"system", "popen", "read_pickle", "unsafe_load", "full_load"}


def dangers(tree):
    """(line, what) of everything that runs what it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            names = []
        yield from ((node.lineno, name) for name in names if name.split(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            yield node.lineno, node.func.id
        elif isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield node.lineno, node.func.attr
        for keyword in node.keywords:
            if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", None) is not False:
                yield node.lineno, "allow_pickle"
            if keyword.arg == "shell" and getattr(keyword.value, "value", None) is not False:
                yield node.lineno, "shell"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_runs_what_it_reads(path):
    assert not list(dangers(ast.parse(path.read_text())))


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads as read", "import yaml.loader", "eval(x)", "exec(x, {})",
        "np.load(x, allow_pickle=True)", "np.load(x, allow_pickle=y)", "os.system(x)", "pd.read_pickle(x)",
        "subprocess.run(x, shell=True)", "__import__(x)",
    ],
)  # fmt: skip
def test_the_test_sees(line):
    assert list(dangers(ast.parse(line)))


@pytest.mark.parametrize("line", ["re.compile(x)", "np.load(x, allow_pickle=False)", "json.load(x)", "import codecs"])
def test_the_test_does_not_cry_wolf(line):
    assert not list(dangers(ast.parse(line)))
