"""Tells whether a resumed search has anything left to do, without loading its task, which takes longest."""

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.limits import Limits

# A limit that can be raised to continue a search -> its flag. Minutes start again with each command.
_FLAGS = {"rules": "--budget", "steps": "--steps", "patience": "--patience"}


def note_end(config: SearchConfig, ledger: Ledger) -> None:
    """Records that a search has done everything that its flags ask for."""
    ledger.run.set_end(_describe(config))


def forget_end(ledger: Ledger) -> None:
    """Records that a search continues."""
    if ledger.run.end:
        ledger.run.set_end({})


def has_ended(config: SearchConfig, ledger: Ledger) -> bool:
    """Whether a search had done everything that its flags ask for when its last command ended.

    Raises:
      Damaged: If the ledger's record of it is invalid.
    """
    return ledger.run.end == _describe(config)


def _describe(config):
    limits = {name: limit for name, limit in config.limits.given.items() if name in _FLAGS}
    return {"limits": limits, "fresh_seeds": config.fresh_seeds}


def describe_end(limits: Limits, reached: str, is_idle: bool) -> str:
    """Describes in a sentence what ended a search.

    Args:
      limits: Its `Limits`.
      reached: The name of the limit that is reached.
      is_idle: Whether the limit was reached from the beginning, so that nothing was done.

    Example:
      >>> from neural_optimizer_search.search.ended import describe_end
      >>> from neural_optimizer_search.search.limits import Limits
      >>> describe_end(Limits(rules=25), "rules", is_idle=False)
      'The search ended after 25 rules.'
      >>> describe_end(Limits(rules=25, minutes=3.0), "rules", is_idle=True)
      'Nothing is left to search: the limit of 25 rules is used up. To go on, give a larger --budget too.'
    """
    if not is_idle or reached not in _FLAGS:
        return f"The search ended after {limits.describe(reached)}."
    too = " too" if limits.minutes is not None else ""
    used = f"the limit of {limits.describe(reached)} is used up"
    return f"Nothing is left to search: {used}. To go on, give a larger {_FLAGS[reached]}{too}."
