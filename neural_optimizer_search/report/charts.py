"""Charts of whole searches, whose marks have hover titles."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import BOTTOM, LEFT, RIGHT, TOP
from neural_optimizer_search.report.columns import AGAIN, ALIKE, NEW, STOPPED, History
from neural_optimizer_search.report.markup import Content, element
from neural_optimizer_search.report.pictures import WIDE, Size, color, line
from neural_optimizer_search.report.points import draw_point
from neural_optimizer_search.report.statistics import improvements, moving_mean, thin_out

# Drawing order: later kinds lie on top.
_ORDER = {AGAIN: 0, STOPPED: 1, ALIKE: 2, NEW: 3}


class Reference(NamedTuple):
    """A known optimizer, drawn as a line across a chart.

    Attributes:
      name: Its name.
      reward: Its reward, with tuned constants if that is higher.
      key: Key of its evaluation before tuning.
      is_tuned: Whether the reward was measured with tuned constants.
    """

    name: str
    reward: float
    key: str = ""
    is_tuned: bool = False

    @property
    def title(self) -> str:
        """Its name, marked if its constants were tuned."""
        return f"{self.name} (tuned)" if self.is_tuned else self.name


NAMES = 118  # the right margin for the names of known optimizers
NAME_HEIGHT = 14


class Curve(NamedTuple):
    """The rewards of one search in the order in which they were measured.

    Attributes:
      label: The name of the search.
      points: (number of trained rules, reward) pairs.
    """

    label: str
    points: Sequence[tuple[int, float]]


def find_reward_range(history: History, known: Sequence[Reference]) -> tuple[float, float]:
    """Finds the (lowest, highest) reward of the axis, which begins just below the known optimizers.

    Without known optimizers it begins at 0. The best rule is always on it.

    Args:
      history: The rules that were measured.
      known: The known optimizers.
    """
    rewards = [reference.reward for reference in known]
    best = [reward for _, reward in history.best_so_far[-1:]]
    tuned = [point.reward for point, _ in history.tuned]
    high = max([*rewards, *tuned, *history.rewards], default=1.0)
    paid = [reward for reward in rewards if reward > 0]
    if not paid:
        return min([0.0, *history.rewards]), high
    low = min([*paid, *best])
    return low - max(0.06 * (high - low), 0.002), high


def draw_rewards(
    history: History, sampled: int, known: Sequence[Reference], window: Optional[int], size: Size
) -> Iterator[Content]:
    """Draws the reward of each sampled rule, their moving mean and the best so far: Figure 4 of the paper.

    Args:
      history: The rules that were measured.
      sampled: Number of sampled rules, including those without a point.
      known: The known optimizers, the best first.
      window: Number of points in the moving mean; None for no line.
      size: The size of the picture.
    """
    low, high = find_reward_range(history, known)
    names_fit = size is WIDE and known
    x = axes.counting_scale(sampled, LEFT, size.width - (NAMES if names_fit else RIGHT))
    y = axes.linear_scale([low, high], size.height - BOTTOM, TOP, floor=low)
    best = history.best_so_far
    dots = {*thin_out(range(len(history)), size.marks), *history.best_places}
    names = {reference.key: reference.name for reference in known}
    yield axes.frame(x, y, "rules sampled", "reward", size.ticks)
    yield _known_lines(known, x, y)
    yield [draw_point(history[place], names, x, y) for place in sorted(dots, key=lambda k: _ORDER[history.kinds[k]])]
    if window:
        means = moving_mean(history.numbers, history.rewards, window, size.marks)
        yield [line(part, x, y, "mean") for part in _parts_above(means, low)]
    yield line(best, x, y, "best", steps=True)
    yield [draw_point(point, names, x, y) for point, _ in history.tuned]
    if names_fit:
        yield _known_names(known, x, y)


def draw_best_of_runs(curves: Iterable[Curve], known: Optional[Reference], size: Size) -> Iterator[Content]:
    """Draws the best reward so far against the number of trained rules, one line per search.

    Args:
      curves: The searches.
      known: The best known optimizer; None for no line.
      size: The size of the picture.
    """
    bests = [(label, improvements(points)) for label, points in curves]
    last = max((best[-1][0] for _, best in bests if best), default=1)
    values = _values((reward for _, best in bests for _, reward in best), known)
    x = axes.counting_scale(last, LEFT, size.width - RIGHT)
    y = axes.linear_scale(values, size.height - BOTTOM, TOP)
    yield axes.frame(x, y, "rules trained", "best reward so far", size.ticks)
    yield _known_line(known, x, y, "known") if known else None
    for k, (label, best) in enumerate(bests):
        yield line(best, x, y, color(k), steps=True, title=label)


def _values(rewards, known):
    """All rewards that the axis must cover."""
    return [*rewards, *([known.reward] if known else [])]


def _known_lines(known, x, y):
    """The lines of the known optimizers, the best on top; those below the axis have none."""
    shown = [reference for reference in known if reference.reward >= y.low]
    return [
        _known_line(reference, x, y, "known" if reference is known[0] else "known other") for reference in shown[::-1]
    ]


def _known_line(known, x, y, class_):
    title = element("title", f"{known.title}: {wording.score(known.reward)}")
    return element("line", title, x1=x.start, x2=x.end, y1=y(known.reward), y2=y(known.reward), class_=class_)


def _known_names(known, x, y):
    """The names next to the lines, moved apart so that they do not overlap."""
    shown = [reference for reference in known if reference.reward >= y.low]
    at = spread([y(reference.reward) for reference in shown], NAME_HEIGHT, y.start)
    return [
        (
            element("line", x1=x.end, x2=x.end + 14, y1=y(reference.reward), y2=place, class_="leader"),
            element("text", wording.shorten(reference.name, 13), x=x.end + 18, y=place + 4, class_="tick"),
        )
        for reference, place in zip(shown, at)
    ]


def spread(places: Sequence[float], gap: float, end: float) -> list[float]:
    """Moves ascending positions until neighbours are at least `gap` apart and none is beyond `end`.

    Example:
      >>> from neural_optimizer_search.report.charts import spread
      >>> spread([10, 12, 50, 99], gap=10, end=95)
      [10, 20, 50, 95]
    """
    moved = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    for k in reversed(range(len(moved))):
        moved[k] = min(moved[k], end - gap * (len(moved) - 1 - k))
    return moved


def _parts_above(points, low):
    """Yields the parts of a line that are on the axis."""
    part = []
    for point in points:
        if point[1] >= low:
            part.append(point)
        elif part:
            yield part
            part = []
    yield part
