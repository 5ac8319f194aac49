"""The progress bar of the commands, for what they measure; `tasks/reading_bar.py` has one for reading data."""

import sys
import time
from typing import Any, Optional, TypeVar


def write_above_bar(text: str) -> None:
    """Prints a line to standard error; a progress bar is redrawn below it."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


_WIDTH = 20
_Bar = TypeVar("_Bar", bound="ProgressBar")


class ProgressBar:
    """Shows progress, elapsed time, remaining time and a note.

    Args:
      total: The amount of work; None if unknown.
      unit: The unit of work, such as "rules"; None shows a percentage, for units that mean nothing to a reader.
      done: The amount of work done before.

    A terminal redraws the bar; a file gets a line at most every 15 seconds. Use it as a context manager.
    """

    def __init__(self, total: Optional[int], unit: Optional[str], done: int = 0):
        from tqdm import tqdm

        self._note, self._waiting, self._told = "", False, 0.0
        self._unit, self._time_limit = unit, None
        count = "{percentage:.0f}%" if unit is None else "{n_fmt}/{total_fmt} " + unit
        self._format = "{desc}" + count + " |{bar:" + str(_WIDTH) + "}| {elapsed}, {remaining} left{postfix}"
        self._bar = tqdm(
            total=total,
            initial=done,
            mininterval=0.2 if sys.stderr.isatty() else 15,
            bar_format=self._format,
            # If there is nothing to do, the bar is shown once, at the end.
            delay=1e-6 if total is not None and done >= total else 0,
        )

    def __enter__(self: _Bar) -> _Bar:
        return self

    def __exit__(self, *error: Any) -> None:
        self._show()
        self._bar.close()

    @property
    def done(self) -> int:
        """The amount of work done."""
        return self._bar.n

    @property
    def speed(self) -> Optional[float]:
        """The work done per second; None if unknown."""
        return self._bar.format_dict["rate"]

    def expect(self, total: Optional[int]) -> None:
        """Sets the total amount of work."""
        self._bar.total = total

    def end_by(self, began: float, seconds: Optional[float]) -> None:
        """Shows the time left until a limit instead of an estimate from the speed.

        Args:
          began: The beginning of the time, from `time.monotonic`.
          seconds: The limit; None to return to the estimate.
        """
        self._time_limit = None if seconds is None else (began, seconds)
        self._show_time_left()

    def _show(self):
        """Updates the format of the bar; called before it is drawn."""
        self._bar.delay = 0
        self._show_time_left()

    def _show_time_left(self):
        if self._time_limit is None:
            self._bar.bar_format = self._format
            return
        began, seconds = self._time_limit
        left = max(0.0, began + seconds - time.monotonic())
        filled = round(_WIDTH * (1.0 - left / seconds))
        bar, clock = f"{'█' * filled:{_WIDTH}}", self._bar.format_interval(left)
        self._bar.bar_format = f"{{desc}}{{n_fmt}} {self._unit} |{bar}| {{elapsed}}, {clock} left{{postfix}}"

    def advance(self, count: int = 1) -> None:
        """Adds to the work done; raises the total if it is exceeded."""
        self._show()
        if self._bar.total is not None:
            self._bar.total = max(self._bar.total, self._bar.n + count)
        self._bar.update(count)

    def note(self, text: str) -> None:
        """Sets the text after the bar."""
        self._note, self._waiting = text, False
        self._bar.set_postfix_str(text, refresh=False)

    def wait_for(self, text: str) -> None:
        """Shows, after the note, what the bar is waiting for; "" for nothing."""
        # While waiting, nothing else redraws the bar.
        if (text or self._waiting or self._time_limit) and time.monotonic() >= self._told + self._bar.mininterval:
            self._waiting, self._told = bool(text), time.monotonic()
            self._show()
            self._bar.set_postfix_str(", ".join(filter(None, (self._note, text))))

    def title(self, text: str) -> None:
        """Sets the text before the bar."""
        self._show()
        self._bar.set_description_str(text + "  " if text else "")
