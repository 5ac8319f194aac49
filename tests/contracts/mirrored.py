"""Trains some rows on two logical CPU devices; prints {"steps" or "fit": {row: the weights of each replica}}.

`test_tensorflow.py` runs this as a program, because TensorFlow wants the devices before it starts.
"""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

TESTS = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]
SHARES = (0.25, 0.75)  # of a gradient, for each replica
FITTED = ("PowerSign-cd", "drop(m, 0.1) * exp(sign(g) * sign(m))")


def weights_of(variables, strategy):
    """One flat list a replica."""
    values = [strategy.experimental_local_results(variable) for variable in variables]
    return [np.concatenate([np.ravel(value) for value in replica]).tolist() for replica in zip(*values)]


def stepped(row, strategy):
    from contracts.rows import GRADIENTS, start

    with strategy.scope():
        w, optimizer = tf.Variable(start(), dtype=tf.float32), row.make(weight_decay=0.25)
        optimizer.build([w])
    for g in GRADIENTS:
        shares = strategy.experimental_distribute_values_from_function(
            lambda context, g=g: tf.constant(g * SHARES[context.replica_id_in_sync_group], tf.float32)
        )
        strategy.run(lambda g: optimizer.apply_gradients([(g, w)]), args=(shares,))
    return weights_of([w], strategy)


def fitted(row, strategy):
    from contracts.fits import fit, linear_model

    from neural_optimizer_search.keras_versions import KERAS_3

    with strategy.scope():
        model = linear_model(row.make(0.02))
    fit(model)
    return weights_of([weight.value if KERAS_3 else weight for weight in model.trainable_weights], strategy)


def main():
    import marks
    from contracts.rows import FEW, TABLE

    rows = [row for row in TABLE if row.name in FEW or marks.LONG]
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    print(
        json.dumps(
            {
                "steps": {row.name: stepped(row, strategy) for row in rows},
                "fit": {row.name: fitted(row, strategy) for row in rows if row.name in FITTED},
            }
        )
    )


if __name__ == "__main__":
    main()
