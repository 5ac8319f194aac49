"""The algorithms that need TF-Agents, as rows of the registry; none of it is imported before one is made."""

from pathlib import Path

from neural_optimizer_search.search.algorithm import Algorithm
from neural_optimizer_search.search.registry import AlgorithmEntry, SearchSetting

_NEEDS = {"tf_agents": "pip install 'neural-optimizer-search[tf-agents]' with Python 3.9 to 3.11"}


def _check_state(directory: Path, run_id: str, steps: int) -> str:
    from tf_agents_env.checkpoints import check_checkpoints

    return check_checkpoints(directory, run_id, steps)


def _make_guided(setting: SearchSetting) -> Algorithm:
    from tf_agents_env.guided import make_guided

    return make_guided(setting.space, setting.preset, setting.seed, setting.known, setting.directory, setting.ledger)


def _entry(name: str, title: str) -> AlgorithmEntry:
    def make(setting: SearchSetting) -> Algorithm:
        from tf_agents_env.controllers import CONTROLLERS, Controller

        config, ledger = CONTROLLERS[name][setting.preset], setting.ledger
        return Controller(setting.space, config, setting.seed, setting.directory, ledger.run_id, ledger.steps)

    return AlgorithmEntry(title, make, has_presets=True, needs=_NEEDS, check_state=_check_state)


GUIDED = AlgorithmEntry("Guided PPO", _make_guided, has_presets=True, needs=_NEEDS, check_state=_check_state)
PPO = _entry("ppo", "PPO")
REINFORCE = _entry("reinforce", "REINFORCE")
TRPO = _entry("trpo", "TRPO")
