"""Evaluators that fail, hang or die with some rules."""

import dataclasses
import os
import pathlib
import signal
import time

import fakes


def fail():
    raise RuntimeError("the cable fell out")


BEHAVIOURS = {
    "fail": fail,
    "hang": lambda: time.sleep(1000),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


@dataclasses.dataclass(frozen=True)
class Misbehaving:
    """Makes what measures nothing, and misbehaves with some rules as often as the files of a directory say.

    Args:
      directory: Of files named like formulas that hold a behaviour, a space, and how often.
    """

    directory: pathlib.Path

    def __call__(self):
        return self.evaluate

    def evaluate(self, rule):
        path = self.directory / rule.formula()
        if path.exists():
            what, _, left = path.read_text().rpartition(" ")
            path.write_text(f"{what} {int(left) - 1}")
            if int(left) > 0:
                BEHAVIOURS[what]()
        return fakes.fake_evaluation(rule)
