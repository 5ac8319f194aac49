"""The discovered optimizers as Keras optimizers."""

from neural_optimizer_search.optimizers.add_sign import AddSign
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, deserialize, get, serialize
from neural_optimizer_search.optimizers.power_sign import PowerSign
from neural_optimizer_search.optimizers.rule_optimizer import RuleOptimizer

__all__ = ["CATALOGUE", "AddSign", "PowerSign", "RuleOptimizer", "deserialize", "get", "serialize"]
