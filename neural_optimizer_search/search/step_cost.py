"""What a step of a rule takes beside one of Adam, as far as the search has seen."""

import math
from collections.abc import Sequence
from typing import Optional

from neural_optimizer_search.search.ranking import Contender

YARDSTICK = "Adam"
NOTABLE = 2.0  # less may be noise of the clock


def find_step_seconds(contender: Contender) -> Optional[float]:
    """Seconds of a gradient step here, validation included; None if it is not known.

    The least of what was measured: the first training of a worker takes longer, for it traces.
    """
    measured = [e for e in (contender.evaluation, contender.fresh) if e and not e.cached]
    seen = [e.seconds / e.steps for e in measured if e.steps > 0 and 0 < e.seconds < math.inf]
    return min(seen, default=None)


def describe_costs(shown: Sequence[Contender], known: Sequence[Contender]) -> list[str]:
    """A line that names the rules whose steps take notably longer than Adam's, by their places in the table, or none.

    Args:
      shown: The rules of the table, in its order.
      known: The known optimizers.
    """
    adam = next((find_step_seconds(one) for one in known if one.name == YARDSTICK), None)
    if not adam:
        return []
    times = [(place, (find_step_seconds(one) or 0.0) / adam) for place, one in enumerate(shown, 1)]
    slow = [f"{ratio:.2g} times as long with rule {place}" for place, ratio in times if ratio >= NOTABLE]
    return [f"Compared with {YARDSTICK}, a step here takes {', '.join(slow)}."] if slow else []
