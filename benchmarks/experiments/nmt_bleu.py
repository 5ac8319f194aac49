"""BLEU in the translation experiment, in the course of a training and at its peak."""

from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.experiments.nmt_data import Data
from benchmarks.networks.translation import Beam, make_search, measure_bleu, translate
from benchmarks.trials.peak import PeakWatch


class Bleu:
    """BLEU of a model's translations; the search for them is traced once.

    Args:
      beam: How translations are looked for.
      batch_size: Sentences at a time.
      data: The `Data`.
    """

    def __init__(self, beam: Beam, batch_size: int, data: Data):
        self._beam, self._batch_size, self._data, self._search = beam, batch_size, data, None

    def __call__(self, model: tf.keras.Model, split: str) -> dict[str, Any]:
        """What `measure_bleu` says of a split's translations."""
        self._search = self._search or make_search(model, self._beam)
        found = translate(self._search, getattr(self._data, split).source, self._batch_size)
        return measure_bleu(self._data.subwords.decode(found), self._data.references[split])

    def at_peak(self, model: tf.keras.Model, peak: PeakWatch, tested: float) -> dict[str, Any]:
        """What is kept of the validation's BLEU; the model gets the weights of its peak.

        Args:
          model: With the weights of the best perplexity.
          peak: What has watched the training.
          tested: The test BLEU of the model; often that step is the peak of both.
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
