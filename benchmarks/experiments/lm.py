"""Language modelling on the Penn Treebank (arXiv v2, section 6.5, Table 5).

The loss is summed over the steps of backpropagation and averaged over the streams, as is customary for this task;
the gradient norm of 5 and the learning rates refer to this loss. Validation and test start from a zero state, carry
it to the end of the text, and average over the words, without dropout; they do not change the training's state.
Weight decay is left out: the paper tuned it but does not report the values.
"""

import functools
import pathlib
import tempfile
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from benchmarks.data import text
from benchmarks.networks.lstm_lm import LSTMLanguageModel
from benchmarks.trials import training
from benchmarks.trials.contenders import Contender
from benchmarks.trials.experiment import list_no_options
from benchmarks.trials.training import perplexity
from benchmarks.trials.trials import Metric, Sweep, Trial
from neural_optimizer_search.user_error import UserError

TITLE = "LSTM language model (v2 Table 5)"
METRIC = Metric("validation perplexity", larger_is_better=False, format=".1f")
REFERENCE = "adam"
SCALED_DOWN = (
    "Scaled down: WikiText-2 with its 5,000 most frequent words instead of the Penn Treebank, so perplexities are "
    "not comparable; 128 units (0.8 million parameters) instead of 650 (10 million), batches of 20 x 20 words "
    "instead of 64 x 35, 400 updates (8% of the text) instead of 150,000; the first 10,000 words of the validation "
    "and test texts."
)
COLUMNS = {"best": ("validation", ".1f"), "test": ("test", ".1f")}
PAPER = {
    "adam@cosine": {"best": 65.7, "test": 63.3},
    "sgd@cosine": {"best": 71.7, "test": 68.3},
    "powersign@cosine": {"best": 68.5, "test": 64.8},
    "addsign@cosine": {"best": 68.8, "test": 65.2},
}
PICTURES = {}
list_options = list_no_options
# With these, each worker would read batches that are not consecutive.
SEVERAL_READERS = (tf.distribute.MultiWorkerMirroredStrategy, tf.distribute.ParameterServerStrategy)
CONTENDERS = ("adam", "sgd", "powersign", "addsign")


@dataclass(frozen=True)
class Setting:
    """The sizes of the experiment.

    Args:
      sweep: The `Sweep`.
      model: A `LSTMLanguageModel`.
      text: A name of `text.TEXTS`; "ptb" in the paper.
      digest: A digest that identifies the user's own text; else "".
      vocabulary: Number of most frequent words to keep; None for all.
      streams: Rows of a batch; 64 in the paper.
      truncation: Steps of backpropagation, the columns of a batch; 35 in the paper.
      steps: Weight updates of a training; 150,000 in the paper.
      evaluations: Number of evaluations on the validation data.
      evaluated: Number of words of the validation and test texts to use, from the first; None for all.
      clipnorm: Largest norm of the gradient; 5 in the paper.
      made_up: Whether to use a synthetic text in the format of `text`.
    """

    sweep: Sweep
    model: LSTMLanguageModel
    text: str = "ptb"
    vocabulary: Optional[int] = None
    streams: int = 64
    truncation: int = 35
    steps: int = 150_000
    evaluations: int = 150
    evaluated: Optional[int] = None
    clipnorm: float = 5.0
    made_up: bool = False
    digest: str = ""


_RATES = tuple(10.0**power for power in range(-3, 2))
_SMALL = Setting(
    Sweep(CONTENDERS, _RATES, refine=(10**0.5,), schedule="cosine"),
    LSTMLanguageModel(units=128, embedding_dropout=0.1, state_dropout=0.1, output_dropout=0.1),
    text="wikitext2",
    vocabulary=5_000,
    streams=20,
    truncation=20,
    steps=400,
    evaluations=5,
    evaluated=10_000,
)
SETTINGS = {
    "smoke": Setting(
        Sweep(("adam", "powersign"), (1e-1,), seeds=1, schedule="cosine"),
        LSTMLanguageModel(units=8, embedding_dropout=0.1, state_dropout=0.1, output_dropout=0.1),
        text="wikitext2",
        vocabulary=20,
        streams=4,
        truncation=5,
        steps=20,
        evaluations=2,
        evaluated=1_000,
        made_up=True,
    ),
    "small": _SMALL,
    "medium": replace(_SMALL, sweep=replace(_SMALL.sweep, seeds=3), steps=10 * _SMALL.steps, evaluations=10),
    "paper": Setting(Sweep(CONTENDERS, _RATES, refine=(10**0.5,), schedule="cosine"), LSTMLanguageModel()),
}


def choose_data(
    setting: Setting, data_dir: Optional[pathlib.Path], languages: Optional[tuple[str, str]]
) -> tuple[Setting, str]:
    """The setting for the text in a directory, and the text's name; "" for the scale's own text."""
    found = text.find_text(setting.text, data_dir)
    if found is None or (found == setting.text and not setting.made_up):
        return setting, ""
    digest = text.hash_text(found, data_dir) if found == text.OWN else ""
    return replace(setting, text=found, digest=digest, made_up=False), found


def run_trial(
    setting: Setting,
    trial: Trial,
    contender: Contender,
    data_dir: Optional[pathlib.Path],
    strategy: tf.distribute.Strategy,
) -> dict[str, Any]:
    """Trains once."""
    corpus = load(setting.text, setting.vocabulary, setting.made_up, data_dir)
    rows = count_rows(setting, strategy)

    def make_batches(tokens):
        return text.make_batches(tokens[: setting.evaluated], setting.streams, setting.truncation)

    work = training.Work(
        model=lambda: setting.model(corpus.vocabulary, rows),
        loss=summed_cross_entropy,
        metrics=make_nats_per_word,
        train=text.make_batches(corpus.train, setting.streams, setting.truncation, endless=True),
        validation=make_batches(corpus.valid),
        test=make_batches(corpus.test),
        steps=setting.steps,
        evaluations=setting.evaluations,
        measure=lambda logs: perplexity(logs["nats"]),
        larger_is_better=False,
        clipnorm=setting.clipnorm,
    )
    return training.train(work, contender, trial, strategy)


def count_rows(setting: Setting, strategy: tf.distribute.Strategy) -> int:
    """The number of rows of a batch per replica.

    Raises:
      UserError: If the rows cannot be divided so that each stream stays on one replica.
    """
    replicas = strategy.num_replicas_in_sync
    if isinstance(strategy, SEVERAL_READERS) or setting.streams % replicas:
        raise UserError(
            "argument --strategy: must be default or mirrored, and the number of replicas must divide "
            f"{setting.streams}, because a stream stays on one replica. Received: {type(strategy).__name__}, "
            f"{replicas}"
        )
    return setting.streams // replicas


def summed_cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The loss of each stream, summed over its steps; Keras averages over the streams."""
    nats = tf.keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    return tf.reduce_sum(nats, axis=1)


def make_nats_per_word() -> list[tf.keras.metrics.Metric]:
    """The metric behind perplexity; the loss of `evaluate` is a mean over batches, which differ in length."""
    return [tf.keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="nats")]


@functools.lru_cache(maxsize=1)
def load(name: str, vocabulary: Optional[int], made_up: bool, data_dir: Optional[pathlib.Path]) -> text.TokenizedText:
    """Loads a text by name, or a synthetic one in its format."""
    if not made_up:
        return text.load(name, data_dir, vocabulary)
    with tempfile.TemporaryDirectory() as directory:
        write_made_up(name, pathlib.Path(directory))
        return text.load(name, pathlib.Path(directory), vocabulary)


def write_made_up(name: str, data_dir: pathlib.Path, lines: int = 40, words: int = 25) -> None:
    """Writes files in the format of a text, in which each word nearly determines the next."""
    random = np.random.default_rng(0)
    for part in text.PARTS:
        jumps = random.integers(1, 3, size=(lines, 12))
        written = [" ".join(f"w{word}" for word in line) for line in np.cumsum(jumps, axis=1) % words]
        path = text.TEXTS[name].path(part, data_dir)
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(written) + "\n")
