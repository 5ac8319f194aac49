"""Charts of whole searches: the contents of pictures, whose marks have hover titles."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import BOTTOM, LEFT, RIGHT, TOP
from neural_optimizer_search.report.columns import History
from neural_optimizer_search.report.markup import Content, element
from neural_optimizer_search.report.pictures import Size, color, line
from neural_optimizer_search.report.statistics import improvements, moving_mean, thin_out


class Reference(NamedTuple):
    """The best known optimizer, which is drawn as a line across a chart.

    Attributes:
      name: Its name.
      reward: Its reward.
    """

    name: str
    reward: float


class Curve(NamedTuple):
    """The rewards of one search in the order in which they were measured.

    Attributes:
      label: The name of the search.
      points: (number of trained rules, reward) pairs.
    """

    label: str
    points: Sequence[tuple[int, float]]


def draw_rewards(
    history: History, sampled: int, known: Optional[Reference], window: Optional[int], size: Size
) -> Iterator[Content]:
    """Draws the reward of each sampled rule, their moving mean and the best so far: Figure 4 of the paper.

    Args:
      history: The rules that were measured.
      sampled: How many rules were sampled, with those that have no point.
      known: The best known optimizer.
      window: How many points a moving mean is over; None for no line.
      size: The size of the picture.
    """
    x = axes.counting_scale(sampled, LEFT, size.width - RIGHT)
    ends = [min(history.rewards), max(history.rewards)] if len(history) else []
    y = axes.linear_scale(_values(ends, known), size.height - BOTTOM, TOP, floor=0.0)
    best = improvements(zip(history.numbers, history.rewards))
    dots = {*thin_out(range(len(history)), size.marks), *(history.find(number) for number, _ in best)}
    yield axes.frame(x, y, "rules sampled", "reward", size.ticks)
    yield [_dot(history[place], x, y) for place in sorted(dots)]
    yield _reference_line(known, x, y)
    if window:
        yield line(moving_mean(history.numbers, history.rewards, window, size.marks), x, y, "mean")
    yield line(best, x, y, "best", steps=True)


def draw_best_of_runs(curves: Iterable[Curve], known: Optional[Reference], size: Size) -> Iterator[Content]:
    """Draws the best reward so far against trained rules, one line for each search.

    Args:
      curves: The searches.
      known: The best known optimizer.
      size: The size of the picture.
    """
    bests = [(label, improvements(points)) for label, points in curves]
    last = max((best[-1][0] for _, best in bests if best), default=1)
    values = _values((reward for _, best in bests for _, reward in best), known)
    x = axes.counting_scale(last, LEFT, size.width - RIGHT)
    y = axes.linear_scale(values, size.height - BOTTOM, TOP)
    yield axes.frame(x, y, "rules trained", "best reward so far", size.ticks)
    yield _reference_line(known, x, y)
    for k, (label, best) in enumerate(bests):
        yield line(best, x, y, color(k), steps=True, title=label)


def _values(rewards, known):
    """What must be on the axis of the rewards."""
    return [*rewards, *([known.reward] if known else [])]


def _dot(point, x, y):
    return element(
        "circle",
        element("title", f"{point.number}: {point.rule.formula()}, reward {wording.score(point.reward)}"),
        cx=x(point.number),
        cy=y(point.reward),
        r=2 if point.repeated else 3,
        class_="again" if point.repeated else "new",
    )


def _reference_line(known, x, y):
    if known is None:
        return None
    title = element("title", f"{known.name}: {wording.score(known.reward)}")
    return element("line", title, x1=x.start, x2=x.end, y1=y(known.reward), y2=y(known.reward), class_="known")
