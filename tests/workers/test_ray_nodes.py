"""A Ray of two nodes. Apart from the other tests of Ray: a process has one Ray at a time, and theirs stays."""

import time

import fakes
import marks
import pytest
from environments import python_path

from neural_optimizer_search import parse_formula
from neural_optimizer_search.workers.measuring_worker import MeasuringWorker
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.ray_workers import RayWorker, start_ray

# Not imported here: Ray reads its environment at the first import.
pytestmark = [
    pytest.mark.once,
    marks.NEEDS_RAY,
]


@marks.only_long("Two nodes are slow.")
def test_a_node_that_is_killed():
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1))
    node = cluster.add_node(num_cpus=1)
    rules = [parse_formula(text) for text in ("g", "m", "v", "g^2", "sign(g)", "m * g", "exp(g)", "sign(m)")]
    environment = {"PYTHONPATH": python_path()}
    try:
        with (
            start_ray(address=cluster.address) as ray,
            WorkerPool([RayWorker(ray, MeasuringWorker, Slow(), environment=environment) for _ in range(2)]) as pool,
        ):
            found = pool(rules)
            first = [next(found) for _ in range(3)]
            cluster.remove_node(node, allow_graceful=False)
            evaluations = [*first, *found]
    finally:
        cluster.shutdown()
    assert {e.rule: (e.status, e.reward) for e in evaluations} == {
        rule: ("ok", fakes.fake_evaluation(rule).reward) for rule in rules
    }
    assert len({e.worker for e in evaluations}) == 2


class Slow:
    """Makes what measures nothing in a second."""

    def __call__(self):
        return self.evaluate

    def evaluate(self, rule):
        time.sleep(1.0)
        return fakes.fake_evaluation(rule)
