"""How our commands speak to a person who got something wrong."""

import argparse


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and the exit code 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")
