"""The version of the code that computes rewards."""

import tensorflow as tf

from neural_optimizer_search import keras_versions
from neural_optimizer_search.code_hash import hash_code

# The modules on which the rewards of all tasks depend; a task's own modules count in its `identity`. The screen is
# included because it computes the keys of evaluations.
MODULES = (
    "decays", "flat_weights", "dsl.averages", "dsl.constants", "dsl.encoding", "dsl.families", "dsl.interpreter",
    "dsl.numbers", "dsl.rule", "dsl.rule_tokens", "dsl.state", "dsl.token_interpreter", "dsl.vocabulary",
    "measuring.child_run", "measuring.early_look", "measuring.evaluation", "measuring.evaluator", "measuring.joint",
    "measuring.outcome", "measuring.probe", "measuring.racing", "measuring.random_draws", "measuring.rule_runs",
    "measuring.run_plan", "measuring.screen", "measuring.sweep", "measuring.token_optimizer", "measuring.training",
    "keras_versions", "operations.newton_schulz", "operations.on_numpy", "operations.on_tensorflow", "tasks.child",
    "tasks.image_task", "tasks.keras_steps", "tasks.protocol", "tasks.shared_data", "schedule_shape",
)  # fmt: skip


def code_version() -> str:
    """A text that changes with the versions of TensorFlow and Keras, and with the code of any module in `MODULES`."""
    code = hash_code(*(f"neural_optimizer_search.{name}" for name in MODULES))
    return f"{tf.__version__} {keras_versions.VERSION} {code}"
