"""Functions to minimize: some with well-known shapes, and families of random ones."""

from neural_optimizer_search.objectives.families import (
    FAMILIES,
    LogisticRegression,
    RobustRegression,
    TwoLayerClassifier,
)
from neural_optimizer_search.objectives.family import Family, Objectives
from neural_optimizer_search.objectives.landscapes import LANDSCAPES, Landscape

__all__ = [
    "FAMILIES",
    "LANDSCAPES",
    "Family",
    "Landscape",
    "LogisticRegression",
    "Objectives",
    "RobustRegression",
    "TwoLayerClassifier",
]
