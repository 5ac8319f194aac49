"""Flags and rules that the tests of `nos-promote` share."""

from neural_optimizer_search.promotion import command

# They differ so much that a leaderboard shows each.
FORMULAS = [
    form.format(x) for x in ("g", "m", "sign(g)", "sign(m)") for form in ("{} * sqrt(|w|)", "{} * w", "drop({}, 0.5)")
]
SMALL = ["--task", "digits", "--protocol", "reduced", "--workers", "1"]


def promote(run, *flags):
    return command.main([str(run), *SMALL, "--top", "9", *flags])
