"""What the controller is paid for a rule, which may be less than the rule's reward."""

import collections


def pay(rules, rewards, emitted, repeat_share):
    """Pays each rule reward·repeat_share^k, where k counts its earlier emissions in this run.

    A policy gradient that is paid in full for repeats (share 1) collapses onto a few rules.

    Args:
      rules: The `Rule`s of a batch, in order. All spellings of one `Rule.canonical()` are one rule.
      rewards: Their rewards; at least 0, or a smaller share would be a better pay.
      emitted: `Counter` of the canonical texts emitted before this batch; it stays as it is.
      repeat_share: What each repeat leaves of the pay, in [0, 1].

    Returns:
      The pays, as a list of floats. A rule's second emission within the batch is a repeat too.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> pay([parse_formula("g * m"), parse_formula("m * g")], [0.8, 0.8], {}, 0.5)
      [0.8, 0.4]
    """
    emitted, pays = collections.Counter(emitted), []
    for rule, reward in zip(rules, rewards):
        text = rule.canonical()
        pays.append(reward * repeat_share ** emitted[text])
        emitted[text] += 1
    return pays
