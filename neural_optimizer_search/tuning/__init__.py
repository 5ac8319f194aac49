"""Rate, schedule, weight decay and all constants of a rule, tuned by Optuna: `nos-tune`."""

from neural_optimizer_search.keras_versions import require_tensorflow

require_tensorflow(__name__)

from neural_optimizer_search.tuning.result import Measured, Tuned, TuningResult
from neural_optimizer_search.tuning.tuner import NothingTrained, tune

__all__ = ["Measured", "NothingTrained", "Tuned", "TuningResult", "tune"]
