"""The algorithms that need TF-Agents, as rows of the registry; none of it is imported before one is made."""

from neural_optimizer_search.search.algorithm import Algorithm
from neural_optimizer_search.search.registry import AlgorithmEntry, SearchSetting

_NEEDS = {"tf_agents": "pip install 'neural-optimizer-search[tf-agents]' with Python 3.9 to 3.11"}


def _entry(name: str, title: str) -> AlgorithmEntry:
    def make(setting: SearchSetting) -> Algorithm:
        from tf_agents_env.controllers import CONTROLLERS, Controller

        return Controller(setting.space, CONTROLLERS[name][setting.preset], setting.seed, setting.directory)

    return AlgorithmEntry(title, make, has_presets=True, needs=_NEEDS)


PPO = _entry("ppo", "PPO")
REINFORCE = _entry("reinforce", "REINFORCE")
TRPO = _entry("trpo", "TRPO")
