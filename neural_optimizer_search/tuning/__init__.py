"""`nos-tune`: tunes the rate, schedule, weight decay and all constants of a rule with Optuna."""

from neural_optimizer_search.command_line import import_package
from neural_optimizer_search.keras_versions import require_tensorflow

require_tensorflow(__name__)
import_package("optuna", "search", "Tuning")

from neural_optimizer_search.tuning.result import Measured, Tuned, TuningResult
from neural_optimizer_search.tuning.tuner import NothingTrained, tune

__all__ = ["Measured", "NothingTrained", "Tuned", "TuningResult", "tune"]
