"""The results of a search as JSON, for `nos-report --json`."""

import json
from collections.abc import Sequence
from typing import Any

from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.search.ranking import SHOWN, Contender, Ranking


def write_json(runs: Sequence[RecordedSearch]) -> str:
    """A JSON object with a list of runs, each with its flags, counts and leaderboard."""
    return json.dumps({"runs": [_describe(run) for run in runs]}, indent=1, allow_nan=False) + "\n"


def _describe(run) -> dict[str, Any]:
    ranking = run.ranking
    return {
        "run": str(run.place),
        "config": run.config,
        "versions": list(run.versions),
        "finished": run.is_finished,
        "counts": run.counts,
        "found": [_describe_contender(one, ranking) for one in ranking.found[:SHOWN]],
        "known": [_describe_contender(one, ranking) for one in ranking.known],
    }


def _describe_contender(one: Contender, ranking: Ranking) -> dict[str, Any]:
    seen, interval = one.evaluation, one.interval
    return {
        "name": one.name,
        "rule": json.loads(one.rule.to_json()),
        "status": one.last.status,
        "reward": seen.reward,
        "accuracy": seen.accuracy,
        "learning_rate": seen.learning_rate,
        "schedule": seen.schedule,
        "weight_decay": seen.weight_decay,
        "alike": one.alike,
        "fresh_rewards": list(one.fresh.rewards) if one.fresh else None,
        "fresh_mean": interval.mean if interval else None,
        "fresh_half_width_95": interval.half if interval else None,
        "probability_better": ranking.find_probability(one),
    }
