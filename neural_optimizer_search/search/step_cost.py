"""Which rules of a table take notably longer for a step than Adam."""

from collections.abc import Sequence

from neural_optimizer_search.search.ranking import Contender

# Five products of matrices for each weight matrix. By their words and not by the clock: a search trains for less than
# a second, and two equal searches would tell different times.
SLOW = "orthogonalize"


def describe_costs(shown: Sequence[Contender]) -> list[str]:
    """A line that names the rules with a slow word by their places in the table, or none.

    Args:
      shown: The rules of the table, in its order.
    """
    places = [str(place) for place, one in enumerate(shown, 1) if SLOW in one.rule.per_tensor]
    if not places:
        return []
    who = f"Rule {places[0]} uses" if len(places) == 1 else f"Rules {', '.join(places)} use"
    return [f"{who} {SLOW}, with which a step takes several times as long as one of Adam."]
