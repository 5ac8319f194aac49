"""Learned optimizers (Li & Malik 2017): guided policy search, and the command `nos-learn`.

Using a policy needs only TensorFlow; learning one needs the extra `l2o`.
"""

from neural_optimizer_search.keras_versions import require_tensorflow

require_tensorflow(__name__)

from neural_optimizer_search.l2o.predicted_step_descent import Minimum, PredictedStepDescent

__all__ = ["Minimum", "PredictedStepDescent"]
