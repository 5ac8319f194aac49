"""Flags of `nos-search` that contradict each other; each ends the command with one line."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neural_optimizer_search.command_line import Parser, require
from neural_optimizer_search.dsl.composed import COMPOSED
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.cache_file import NotACache, refuse_other_files
from neural_optimizer_search.search.config import NO_CACHE, SearchConfig
from neural_optimizer_search.search.registry import find_algorithm


def check_given(p: Parser, given: Mapping[str, Any]) -> None:
    """Ends the command if one given flag makes another meaningless, which the defaults of both would hide."""
    if given.get("asynchronous") and "pipeline" in given:
        p.error(
            "argument --pipeline: not allowed with --async, which learns from whichever batch is finished first. "
            f"Received: {given['pipeline']}. Leave one of them out."
        )


def check(config: SearchConfig, p: Parser, advice: str = "") -> None:
    """Ends the command if the flags of a search contradict each other.

    Args:
      config: All flags of the search.
      p: The command's parser.
      advice: A sentence on what to do if there is no such task.
    """
    config.check_workers(p)
    config.check_task(p, advice)
    if config.tuning.share:
        require(p, "search", "optuna")
    for check_one in (_check_several, _check_cache, _check_limits, _check_batch_size, _check_space):
        check_one(config, p)


def _check_limits(config, p):
    if config.budget and config.patience and config.patience >= config.budget:
        p.error(
            f"argument --patience: must be less than --budget, which is {config.budget}, to end anything. "
            f"Received: {config.patience}."
        )


def _check_batch_size(config, p):
    if config.batch_size is None:
        return
    smallest, of = find_algorithm(config.algorithm).smallest_batch, f"with --algorithm {config.algorithm}"
    if smallest is None:
        p.error(f"argument --batch_size: not allowed {of}, whose batches have a size of their own.")
    elif config.batch_size < smallest:
        p.error(f"argument --batch_size: must be at least {smallest} {of}. Received: {config.batch_size}.")


def _check_cache(config, p):
    try:
        if config.cache != NO_CACHE:
            refuse_other_files(Path(config.cache))
    except NotACache as error:
        p.error(f"argument --cache: {error}")


def _check_space(config, p):
    for name in ("depth", "unconstrained") if config.space == COMPOSED else ():
        if getattr(config, name):
            p.error(f"argument --{name}: not allowed with --space {COMPOSED}, whose strings have no iterations.")
    try:
        space = config.make_space()
    except ValueError as error:
        p.error(f"argument --depth: {error}")
    most, strings = find_algorithm(config.algorithm).most_strings, math.prod(space.sizes)
    if most is not None and strings > most:
        p.error(
            f"argument --depth: must be lower with --algorithm {config.algorithm}, which goes through at most "
            f"{most:.2g} strings. Received: {config.depth}, for {strings:.2g} strings."
        )


def _check_several(config, p):
    known = {rule.canonical() for rule in config.known_optimizers.values()}
    if len(config.task) > 1 and config.constants:
        p.error(f"argument --constants: must be 0 with several tasks. Received: {config.constants:g}.")
    missing = [name for name in ("sgd", "adam") if CATALOGUE[name].rule.canonical() not in known]
    if len(config.task) > 1 and missing:
        p.error(f"argument --baselines: must name {missing[0]}, for scores on several tasks are made of it.")
