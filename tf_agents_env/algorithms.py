"""The algorithms that need TF-Agents, as rows of the registry; TF-Agents is not imported until one is created."""

from pathlib import Path
from typing import Any

from neural_optimizer_search.command_line import advise_install
from neural_optimizer_search.search.algorithm import Algorithm
from neural_optimizer_search.search.registry import AlgorithmEntry, SearchSetting

_NEEDS = {"tf_agents": f"TF-Agents: {advise_install('tf-agents')} with Python 3.9 to 3.11"}


def _check_state(directory: Path, run_id: str, steps: int) -> str:
    from tf_agents_env.checkpoints import check_checkpoints

    return check_checkpoints(directory, run_id, steps)


def _make_guided(setting: SearchSetting) -> Algorithm:
    from tf_agents_env.guided import make_guided

    place = setting.known, setting.directory, setting.ledger
    return make_guided(setting.space, setting.preset, setting.seed, *place, sizes=setting.batch_sizes)


def _entry(name: str, title: str) -> AlgorithmEntry:
    def make(setting: SearchSetting) -> Algorithm:
        from tf_agents_env.controller_config import CONTROLLERS
        from tf_agents_env.controllers import Controller

        config, ledger = CONTROLLERS[name][setting.preset], setting.ledger
        place = setting.directory, ledger.run.id, ledger.steps
        return Controller(setting.space, config, setting.seed, *place, sizes=setting.batch_sizes)

    return AlgorithmEntry(title, make, batch=10, paper_batch=5, smallest_batch=1, **_OF_ALL)


_OF_ALL: Any = dict(has_presets=True, needs=_NEEDS, check_state=_check_state)
# A batch of two, so that local search and the controller have a rule each.
GUIDED = AlgorithmEntry("Guided PPO", _make_guided, batch=10, smallest_batch=2, **_OF_ALL)
PPO = _entry("ppo", "PPO")
REINFORCE = _entry("reinforce", "REINFORCE")
TRPO = _entry("trpo", "TRPO")
