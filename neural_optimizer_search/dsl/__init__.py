"""The language of update rules: words, rules, formulas, search spaces, and what a rule computes."""
