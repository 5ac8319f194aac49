"""How much faster is one traced training function than `model.compile` + `fit` for every learning rate?

Both ways train the same child on the same data with the same numbers of steps and validations, for one rule and one
seed: the way of this package on one thread after its trace, the usual way on all cores.

    python -m benchmarks.evaluation_speed --task digits --repeats 3
"""

import argparse
import dataclasses
import json
import os
import statistics
import time

import tensorflow as tf
from neural_optimizer_search.workers.processes import ProcessExecutor

from neural_optimizer_search import RuleOptimizer
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS

RULES = ("Adam", "PowerSign", "AddSign", "RMSProp")
# The quick way is measured more often: a fifth of a second alone would measure how the machine woke up.
OURS_PER_NAIVE = 7


def naive_seconds(task, protocol, splits, rule, learning_rates):
    """Seconds of the sweep and the final run with a Keras model compiled for each."""

    def fit(learning_rate, steps, validations):
        tf.keras.utils.set_random_seed(protocol.seeds[0])
        model = protocol.child(splits.train.images.shape[1:], task.classes)
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


def main():
    tf.get_logger().setLevel("ERROR")  # it warns of the retracing that is measured here
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--protocol", default="default")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data_dir")
    arguments = parser.parse_args()
    task = TASKS[arguments.task]
    protocol = dataclasses.replace(task.protocols[arguments.protocol], seeds=(0,))
    splits = task.splits(protocol, arguments.data_dir)
    rules = [KNOWN_OPTIMIZERS[name] for name in RULES]

    with ProcessExecutor(task, protocol, arguments.data_dir, workers=1) as executor:
        started = time.perf_counter()
        first = next(executor(rules[:1]))
        start_up = time.perf_counter() - started
        rows = []
        for repeat in range(arguments.repeats):  # interleaved: the noise of the machine meets both
            for name, rule in zip(RULES, rules):
                ours = [next(executor([rule])) for _ in range(OURS_PER_NAIVE)]
                rates = [rate for rate, _ in ours[0].sweep]
                seconds = statistics.median(evaluation.seconds for evaluation in ours)
                rows.append((name, seconds, naive_seconds(task, protocol, splits, rule, rates)))
            print(f"repeat {repeat + 1} of {arguments.repeats} done", flush=True)
    report(rows, start_up - first.seconds, first.seconds, arguments)


def report(rows, start_up, first_seconds, arguments):
    print(f"\n{'rule':10s} {'traced once, s':>15s} {'compile + fit, s':>17s} {'ratio':>6s}   (medians)")
    ratios = []
    for name in RULES:
        ours, naive = (statistics.median(row[column] for row in rows if row[0] == name) for column in (1, 2))
        ratios.append(naive / ours)
        print(f"{name:10s} {ours:15.3f} {naive:17.2f} {naive / ours:6.1f}")
    every = sorted(naive / ours for _, ours, naive in rows)
    print(
        f"\nRatio of medians over rules: {statistics.median(ratios):.1f}; single pairs {every[0]:.1f} to "
        f"{every[-1]:.1f}.\nStarting the worker took {start_up:.1f} s, its first rule with the trace "
        f"{first_seconds:.1f} s; both are paid once."
    )
    figures = dict(
        task=arguments.task,
        protocol=arguments.protocol,
        repeats=arguments.repeats,
        cores=os.cpu_count(),
        seconds_traced=statistics.median(row[1] for row in rows),
        seconds_naive=statistics.median(row[2] for row in rows),
        ratio=statistics.median(ratios),
        ratio_lowest=every[0],
        ratio_highest=every[-1],
        seconds_first_rule=first_seconds,
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
