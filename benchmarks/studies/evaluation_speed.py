"""How much faster is one traced training function than `model.compile` + `fit` for every learning rate?

Both ways train the same child on the same data with the same numbers of steps and validations, for one rule and one
seed. This package's way runs on one thread, after its trace; the usual way runs on all cores.

    python -m benchmarks.run evaluation_speed --task digits --repeats 3
"""

import dataclasses
import statistics
import time
from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf

from benchmarks.studies.common.shared_flags import data_dir_flag, find_protocol, protocol_flag, task_flag
from neural_optimizer_search import Rule, RuleOptimizer
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.workers.config import WorkerConfig
from neural_optimizer_search.workers.placement import count_cores

TITLE = "how much faster is one traced training than model.compile for every learning rate?"
RULES = ("Adam", "PowerSign", "AddSign", "RMSProp")
# The quick way is measured more often: a single fifth of a second would mostly measure how the machine wakes up.
TRACED_PER_NAIVE = 7


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    protocol: str = protocol_flag()
    repeats: int = flag(3, "measurements of each rule", parse=whole_number(1, 1_000))
    data_dir: Optional[str] = data_dir_flag()


def run(config: Config) -> dict[str, Any]:
    """Trains each rule both ways, in turns; returns the median seconds and their ratios."""
    tf.get_logger().setLevel("ERROR")  # it warns about the retracing that is measured here
    task = TASKS[config.task]
    protocol = find_protocol(task, config.protocol, seeds=(0,), racing=None)
    rows, start_up, first_seconds = _measure(task, protocol, config)
    ratio = _print_table(rows)
    every = sorted(naive / traced for _, traced, naive in rows)
    print(
        f"\nMedian ratio over rules: {ratio:.1f}; single pairs {every[0]:.1f} to "
        f"{every[-1]:.1f}.\nStarting the worker took {start_up:.1f} s, and its first rule, with the trace, "
        f"{first_seconds:.1f} s; both are paid once."
    )
    return dict(
        task=config.task,
        protocol=config.protocol,
        repeats=config.repeats,
        cores=count_cores(),
        seconds_traced=statistics.median(row[1] for row in rows),
        seconds_naive=statistics.median(row[2] for row in rows),
        ratio=ratio,
        ratio_lowest=every[0],
        ratio_highest=every[-1],
        seconds_first_rule=first_seconds,
    )


def _measure(task, protocol, config):
    """Rows (rule, seconds traced, seconds naive), the seconds of the worker's start, and those of its first rule."""
    splits = task.splits(protocol, config.data_dir)
    rules = [KNOWN_OPTIMIZERS[name] for name in RULES]
    with WorkerConfig(workers=1).open_executor(task, protocol, config.data_dir) as executor:
        started = time.perf_counter()
        first = next(executor(rules[:1]))
        start_up = time.perf_counter() - started - first.seconds
        rows = []
        for repeat in range(config.repeats):  # interleaved, so that the machine's noise affects both
            for name, rule in zip(RULES, rules):
                traced = [next(executor([rule])) for _ in range(TRACED_PER_NAIVE)]
                rates = [rate for rate, _ in traced[0].sweep]
                seconds = statistics.median(evaluation.seconds for evaluation in traced)
                rows.append((name, seconds, measure_naive_seconds(task, protocol, splits, rule, rates)))
            print(f"repeat {repeat + 1} of {config.repeats} done", flush=True)
    return rows, start_up, first.seconds


def measure_naive_seconds(
    task: Any, protocol: Any, splits: Any, rule: Rule, learning_rates: Sequence[float]
) -> float:
    """The seconds of the sweep and the final run, with a newly compiled Keras model for each training."""

    def fit(learning_rate, steps, validations):
        tf.keras.utils.set_random_seed(protocol.seeds[0])
        model = task.networks[protocol.name](splits.train.images.shape[1:], task.classes)
        model.compile(
            optimizer=RuleOptimizer(rule, learning_rate=learning_rate),
            loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        data = tf.data.Dataset.from_tensor_slices(tuple(splits.train))
        data = data.shuffle(len(splits.train.labels)).batch(protocol.batch_size, drop_remainder=True).repeat()
        history = model.fit(
            data,
            epochs=validations,
            steps_per_epoch=steps // validations,
            validation_data=tuple(splits.measured),
            validation_batch_size=500,
            verbose=0,
        )
        return history.history["val_loss"][-1]

    started = time.perf_counter()
    losses = {rate: fit(rate, protocol.sweep_steps, 1) for rate in learning_rates}
    finite = {rate: loss for rate, loss in losses.items() if loss == loss}
    fit(min(finite, key=finite.get), protocol.final_steps, protocol.final_steps // protocol.validate_every)
    return time.perf_counter() - started


def _print_table(rows):
    print(f"\n{'rule':10s} {'traced once, s':>15s} {'compile + fit, s':>17s} {'ratio':>6s}   (medians)")
    ratios = []
    for name in RULES:
        traced, naive = (statistics.median(row[column] for row in rows if row[0] == name) for column in (1, 2))
        ratios.append(naive / traced)
        print(f"{name:10s} {traced:15.3f} {naive:17.2f} {naive / traced:6.1f}")
    return statistics.median(ratios)
