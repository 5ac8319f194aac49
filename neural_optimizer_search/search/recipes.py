"""Searches as papers describe them: each row has the flags of `nos-search` that it stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A search that a paper describes.

    Args:
      paper: The paper, in words.
      flags: The values of the flags, by the field of `SearchConfig`.
      chosen: The choices made here where the paper leaves something open.
      cost: The time that it took according to the authors.
    """

    paper: str
    flags: Mapping[str, Any]
    chosen: str
    cost: str


# Features that neither version of the paper has. Preset paper also turns most of them off; a recipe does so with any
# preset.
_NOT_IN_THE_PAPER: dict[str, Any] = dict(
    start=("none",),
    screen="off",
    alike="off",
    racing="off",
    constants=0.0,
    fresh_seeds=0,
    cache="none",
)
# The numbers below are sections of both versions.
_OF_BOTH_VERSIONS: dict[str, Any] = dict(
    task=("cifar10",),  # 4.2: a small ConvNet on CIFAR-10
    protocol="paper",  # 4.2: rates 10^-5 to 10 for an epoch of 10,000 images, the best for five epochs
    baselines="sgd,momentum,rmsprop,adam",  # 1: the optimizers that rules are compared with
    # 4.1: 1 to 4, in the first version 1 to 3, and subsets of the words that give 10^6 to 10^11 rules. All words give
    # that many only at this depth.
    depth=2,
    preset="paper",  # 4.2: the controller
    pipeline=0,  # 3.3: the controller learns from a batch before it samples the next
    **_NOT_IN_THE_PAPER,
)
# Section 3.3 has 100 workers, and 4.2 batches of 5.
_CHOSEN = (
    "with all words and all three constraints; one batch of 5 rules after the other, so that at most 5 workers are "
    "busy (more with --async)"
)
# Differences that no flag turns off.
ALWAYS = (
    "known optimizers are measured first, and the slowest decides how long a rule may take (see --timeout); a string "
    "that is sampled again keeps its reward, which would be the same with the one seed of the paper"
)

RECIPES: dict[str, Recipe] = {
    "arxiv2017": Recipe(
        paper="Bello et al., 2017, arXiv version 2",
        flags=dict(
            _OF_BOTH_VERSIONS,
            space="arxiv2017",  # 4.1
            algorithm="ppo",  # 3.2
        ),
        chosen=f"depth 2 of 1 to 4, {_CHOSEN}; the epochs and the clipping of PPO, and the decay of its baseline",
        cost="less than 10 minutes a rule, and less than a day for a search with 100 CPUs",  # 4.2, 3.3
    ),
    "icml2017": Recipe(
        paper="Bello et al., 2017, ICML",
        flags=dict(
            _OF_BOTH_VERSIONS,
            space="icml2017",  # 4.1
            algorithm="trpo",  # 3.2
        ),
        chosen=f"depth 2 of 1 to 3, {_CHOSEN}; the trust region and the damping of TRPO, and the decay of its "
        "baseline",
        cost="less than a day for a search with 100 CPUs",  # 3.3
    ),
}
