"""What the controller is paid for a rule, which may be less than the rule's reward."""

import collections


def pay(keys, rewards, emitted, repeat_share):
    """Pays each rule reward·repeat_share^k, where k counts its earlier emissions in this run.

    A policy gradient that is paid in full for repeats (share 1) collapses onto a few rules.

    Args:
      keys: What the rules of a batch are, in order: rules with equal keys are one function.
      rewards: Their rewards; at least 0, or a smaller share would be a better pay.
      emitted: `Counter` of the keys emitted before this batch; it stays as it is.
      repeat_share: What each repeat leaves of the pay, in [0, 1].

    Returns:
      The pays, as a list of floats. A rule's second emission within the batch is a repeat too.

    Example:
      >>> pay(["m * g", "m", "m * g"], [0.8, 0.6, 0.8], {}, 0.5)
      [0.8, 0.6, 0.4]
    """
    emitted, pays = collections.Counter(emitted), []
    for key, reward in zip(keys, rewards):
        pays.append(reward * repeat_share ** emitted[key])
        emitted[key] += 1
    return pays
