"""Neural Optimizer Search: discovered optimizers for Keras, and the search that discovers them."""

import os

# TensorFlow writes pages of notices about CUDA and oneDNN when it is imported; a value that is already set is kept.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from neural_optimizer_search.dsl.formula import FormulaError
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.search_space import SearchSpace
from neural_optimizer_search.optimizers.add_sign import AddSign
from neural_optimizer_search.optimizers.power_sign import PowerSign
from neural_optimizer_search.optimizers.rule_optimizer import RuleOptimizer
from neural_optimizer_search.schedules import LinearCosineDecay
from neural_optimizer_search.schedules import NoisyLinearCosineDecay
from neural_optimizer_search.schedules import WarmUp

__all__ = [
    "AddSign",
    "FormulaError",
    "LinearCosineDecay",
    "NoisyLinearCosineDecay",
    "PowerSign",
    "Rule",
    "RuleOptimizer",
    "SearchSpace",
    "WarmUp",
    "parse_formula",
    "search_space",
]
