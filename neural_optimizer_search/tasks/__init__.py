"""The shipped tasks, by name. Adding one is one file and one row here."""

from neural_optimizer_search.tasks.cifar10 import CIFAR10
from neural_optimizer_search.tasks.digits import DIGITS
from neural_optimizer_search.tasks.digits_mlp import DIGITS_MLP

TASKS = {task.name: task for task in (DIGITS, DIGITS_MLP, CIFAR10)}
