"""The `tf.distribute` strategies by name."""

import tensorflow as tf


def _make_parameter_server():
    # TF_CONFIG says whether this process is a server, a worker or the coordinator, which trains.
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if resolver.task_type in ("worker", "ps"):
        server = tf.distribute.Server(
            resolver.cluster_spec(), job_name=resolver.task_type, task_index=resolver.task_id, protocol="grpc"
        )
        server.join()
    return tf.distribute.ParameterServerStrategy(resolver)


STRATEGIES = {
    "default": tf.distribute.get_strategy,
    "mirrored": tf.distribute.MirroredStrategy,
    "multi_worker": tf.distribute.MultiWorkerMirroredStrategy,
    "parameter_server": _make_parameter_server,
}
