"""Which code a reward was computed by."""

import ast
import hashlib
import pathlib

import tensorflow as tf

import neural_optimizer_search

# All modules that a reward of a shipped task depends on. The screen's makes the keys of evaluations.
MODULES = (
    "decays", "flat_weights", "dsl.interpreter", "dsl.rule", "dsl.vocabulary",
    "measuring.evaluator", "measuring.screen", "measuring.training",
    "tasks.child", "tasks.cifar10", "tasks.cifar10_wrn", "tasks.digits", "tasks.digits_mlp", "tasks.image_task",
    "tasks.protocol", "tasks.small_networks", "tasks.wide_resnet",
)  # fmt: skip


def code_version() -> str:
    """Changes with TensorFlow and with the code of every module of `MODULES`, comments and docstrings apart."""
    root = pathlib.Path(neural_optimizer_search.__file__).parent
    digest = hashlib.sha1(tf.__version__.encode())
    for name in MODULES:
        digest.update(_code(root.joinpath(*name.split(".")).with_suffix(".py").read_text()).encode())
    return digest.hexdigest()[:12]


def _code(text):
    """What Python runs of a module's text."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Texts that stand alone do nothing.
            body[:] = [line for line in body if not (isinstance(line, ast.Expr) and _is_text(line.value))]
    return ast.dump(tree)


def _is_text(value):
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
