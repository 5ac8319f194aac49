"""What a person sees of a search while it runs: a bar, and TensorBoard."""

import sys

import tensorflow as tf
from tqdm import tqdm


class Bar:
    """A progress bar over rules.

    Args:
      total: Rules to train; None if nobody knows.
      unit: What they are called.
    """

    def __init__(self, total, unit):
        # A terminal redraws the bar; a file gets a line now and then.
        self.tqdm = tqdm(
            total=total,
            mininterval=0.2 if sys.stderr.isatty() else 15,
            bar_format="{n_fmt}/{total_fmt} " + unit + " |{bar:20}| {elapsed}, {remaining} left{postfix}",
        )
        self._counts = ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.tqdm.close()

    def start(self, trained):
        """Counts the rules that were trained before."""
        self.tqdm.update(trained)
        self.tqdm.unpause()

    def advance(self, evaluation, best):
        """One rule more."""
        bar = self.tqdm
        if not evaluation.cached:
            # The step that reaches the budget is finished, and may train more than the budget.
            bar.total = bar.total and max(bar.total, bar.n + 1)
            bar.update()
        rate = bar.format_dict["rate"]
        speed = f", {60 * rate:.0f} rules/min" if rate else ""
        bar.set_postfix_str(f"best {best:.4f}{speed}{self._counts}", refresh=False)

    def count(self, counts):
        """Shows what became of the rules: `Ledger.counts`."""
        shares = {"valid": counts["sampled"] - counts["screened"], "cached": counts["cached"]}
        shown = [f", {count / counts['sampled']:.0%} {name}" for name, count in shares.items() if count]
        failed = [f", {counts['failed']} failed"] if counts["failed"] else []
        self._counts = "".join([*shown, *failed])


def write_scalars(writer, step, metrics):
    """Writes a `Step` and the algorithm's metrics for TensorBoard."""
    rewards = [e.reward for e in step.evaluations]
    scalars = {
        "reward/mean": sum(rewards) / len(rewards),
        "reward/best_of_step": max(rewards),
        "reward/best": step.best,
        "rules/trained": step.trained,
        "rules/distinct_in_step": len({e.key for e in step.evaluations if e.key}),
        "rules/screened_in_step": sum(not e.key for e in step.evaluations),
        "rules/staleness": step.staleness,
        **{f"controller/{name}": value for name, value in metrics.items()},
    }
    with writer.as_default(step.number):
        for name, value in scalars.items():
            tf.summary.scalar(name, value)
    writer.flush()
