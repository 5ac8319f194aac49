"""Adam as the agents use it."""

import tensorflow as tf
from tf_agents.networks.network import Network


def adam(learning_rate: float, network: Network) -> tf.keras.optimizers.Adam:
    """Adam for the weights of a network, with its moments already created, so that checkpoints restore into them."""
    network.create_variables()
    optimizer = tf.keras.optimizers.Adam(learning_rate)
    optimizer.build(network.trainable_variables)
    return optimizer
