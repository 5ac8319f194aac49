"""Names the rules of a table whose updates take notably longer than Adam's."""

from collections.abc import Sequence

from neural_optimizer_search.search.ranking import Contender

# Five matrix products per weight matrix. Rules are recognized by their words, not by timing: a search trains for less
# than a second, and two equal searches would report different times.
SLOW = "orthogonalize"
WITH_SLOW = {SLOW, "v_muon"}  # the words that compute it


def describe_costs(shown: Sequence[Contender]) -> list[str]:
    """A line that names the rules with a slow word by their ranks in the table, or no line.

    Args:
      shown: The rules of the table, in its order.
    """
    places = [str(place) for place, one in enumerate(shown, 1) if WITH_SLOW & {*one.rule.per_tensor}]
    if not places:
        return []
    who = f"Rule {places[0]} uses" if len(places) == 1 else f"Rules {', '.join(places)} use"
    return [f"{who} {SLOW}, so an update takes several times as long as Adam's; the gradient takes as long as ever."]
