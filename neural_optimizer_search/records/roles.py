"""The roles of the evaluations in a ledger, as its file spells them."""

FOUND = "search"  # a rule that the search proposed
BASELINE = "baseline"  # a known optimizer
TUNED = "tuned"  # a rule with constants that a round of tuning found
ROLES = (FOUND, BASELINE, TUNED)
