"""Flags and rules that the tests of `nos-promote` share."""

from neural_optimizer_search.promotion import command

FORMULAS = [f"drop({x}, 0.{p})" for x in ("g", "m", "sign(g)", "Adam") for p in (1, 3, 5)]
SMALL = ["--task", "digits", "--protocol", "reduced", "--workers", "1"]


def promote(run, *flags):
    return command.main([str(run), *SMALL, "--top", "9", *flags])
