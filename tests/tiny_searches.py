"""A search at tiny size, and what it found."""

from neural_optimizer_search.records.ledger import Ledger

TINY = ["--protocol", "reduced", "--space", "signs", "--depth", "1", "--workers", "1", "--fresh_seeds", "2"]
TINY += ["--cache", "none"]


def found(out):
    """What a search proposed and what it was paid, in order."""
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    try:
        return ledger.samples()
    finally:
        ledger.close()


def trained(out):
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    try:
        return ledger.counts()["trained"]
    finally:
        ledger.close()
