"""The controller's pay for a rule, which may differ from the rule's reward."""

import bisect
from collections.abc import Mapping, Sequence


def pay(
    keys: Sequence[str], rewards: Sequence[float], emitted: Mapping[str, int], repeat_share: float
) -> list[float]:
    """Pays each rule reward·repeat_share^k, where k counts its earlier emissions in this run.

    A policy gradient that is paid in full for repeats (share 1) collapses onto a few rules.

    Args:
      keys: The keys of the rules of a batch, in order; rules with equal keys are the same function.
      rewards: Their rewards; at least 0, because a smaller share of a negative reward would be higher pay.
      emitted: The number of times each key was emitted before this batch; not modified.
      repeat_share: The factor by which each repeat reduces the pay, in [0, 1].

    Returns:
      The pay of each rule, as a list of floats. A rule's second emission within the batch is a repeat too.

    Example:
      >>> pay(["m * g", "m", "m * g"], [0.8, 0.6, 0.8], {}, 0.5)
      [0.8, 0.6, 0.4]
    """
    # Only these keys, because a long run has emitted very many.
    counts, pays = {key: emitted.get(key, 0) for key in keys}, []
    for key, reward in zip(keys, rewards):
        pays.append(reward * repeat_share ** counts[key])
        counts[key] += 1
    return pays


def pay_by_rank(
    rewards: Sequence[float], known: Sequence[float], power: float, new: Sequence[float] = ()
) -> list[float]:
    """Pays each rule (the share of the known rules that it beats)^power.

    The rewards of useful rules are close together: a policy gradient that is paid in rewards soon tells useful rules
    from useless ones, but hardly distinguishes good from better. Ranks are as far apart at the top as anywhere.

    Args:
      rewards: At least 0; a reward of 0 pays 0.
      known: The rewards above 0 of all distinct rules so far, sorted.
      power: p, above 0; a larger one concentrates the pay on the best rules.
      new: Further rewards that `known` lacks, in any order: those of this batch, which need not be inserted first.

    Returns:
      The pay of each rule, a list of floats: ((r - 1/2) / n)^p for the r-th of n known rules, counted from the worst.
      A rule is the only one while none is known.

    Example:
      >>> pay_by_rank([0.8, 0.0, 0.9], [0.5, 0.7, 0.8, 0.9], 1.0)
      [0.625, 0.0, 0.875]
      >>> pay_by_rank([0.8, 0.0, 0.9], [0.5, 0.7], 1.0, new=[0.9, 0.8])
      [0.625, 0.0, 0.875]
    """
    new, count = sorted(new), max(1, len(known) + len(new))

    def pay_one(reward):
        beaten = bisect.bisect_left(known, reward) + bisect.bisect_left(new, reward)
        return ((beaten + 0.5) / count) ** power

    return [pay_one(reward) if reward > 0 else 0.0 for reward in rewards]
