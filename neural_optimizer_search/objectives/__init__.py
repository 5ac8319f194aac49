"""Functions to minimize whose shape is known."""

from neural_optimizer_search.objectives.landscapes import LANDSCAPES, Landscape

__all__ = ["LANDSCAPES", "Landscape"]
