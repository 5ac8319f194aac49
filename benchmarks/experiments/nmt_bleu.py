"""BLEU in the translation experiment, during training and at its peak."""

from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.experiments.nmt_data import Data
from benchmarks.networks.translation import Beam, make_search, measure_bleu, translate
from benchmarks.trials.peak import PeakWatch


class Bleu:
    """BLEU of a model's translations; the search for them is traced once.

    Args:
      beam: The settings of beam search.
      batch_size: Number of sentences at a time.
      data: The `Data`.
    """

    def __init__(self, beam: Beam, batch_size: int, data: Data):
        self._beam, self._batch_size, self._data, self._search = beam, batch_size, data, None

    def __call__(self, model: tf.keras.Model, split: str) -> dict[str, Any]:
        """The result of `measure_bleu` for the translations of a split."""
        self._search = self._search or make_search(model, self._beam)
        found = translate(self._search, getattr(self._data, split).source, self._batch_size)
        return measure_bleu(self._data.subwords.decode(found), self._data.references[split])

    def at_peak(self, model: tf.keras.Model, peak: PeakWatch, tested: float) -> dict[str, Any]:
        """The results at the peak of validation BLEU; sets the model to the weights of the peak.

        Args:
          model: The model with the weights of the best perplexity.
          peak: The callback that watched the training.
          tested: The model's test BLEU, which is reused if the peak is at the same step, as it often is.
        """
        if not all(map(np.array_equal, model.get_weights(), peak.weights)):
            model.set_weights(peak.weights)
            tested = self(model, "test")["bleu"]
        return dict(
            bleu_curve=peak.curve,
            validation_bleu=peak.best,
            near_peak_bleu=peak.near_peak(),
            bleu_step=peak.best_step,
            test_bleu=tested,
        )
