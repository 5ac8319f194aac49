"""Translation from English to German with GNMT (arXiv v2, section 6.4, Table 4).

The loss is the mean cross-entropy over the subwords of a batch; the perplexity is the exponential of the mean over
all subwords of a set. Padding is ignored in both. The training perplexity is measured without dropout, on as many
training sentences as there are validation sentences.

The learning rate is chosen by perplexity. BLEU is measured with beam search. Trainings that test also measure BLEU at
each evaluation on the validation data, and report it at its peak, as a mean near the peak, and on the test data with
the weights of the peak.
"""

import functools
import pathlib
from dataclasses import dataclass, replace
from typing import Any, Optional

import tensorflow as tf

from benchmarks.data.parallel_text import LANGUAGES, MADE_UP, OWN, Pairs, find_corpus, hash_own
from benchmarks.data.subwords import PAD, make_batches, make_training_batches
from benchmarks.experiments.nmt_bleu import Bleu
from benchmarks.experiments.nmt_data import load
from benchmarks.networks.gnmt import GNMT
from benchmarks.networks.translation import Beam
from benchmarks.trials import training
from benchmarks.trials.contenders import Contender
from benchmarks.trials.experiment import list_no_options
from benchmarks.trials.peak import PeakWatch
from benchmarks.trials.pictures import plot_means
from benchmarks.trials.trials import Metric, Sweep, Trial

TITLE = "English to German by GNMT (v2 Table 4)"
METRIC = Metric("validation perplexity", larger_is_better=False, format=".2f")
REFERENCE = "adam"
SCALED_DOWN = (
    "Scaled down: Multi30k (captions, 29,000 pairs) instead of WMT 2014; 2,000 subwords instead of 32,000; 2+2 "
    "layers of 64 units (0.6 million weights) without dropout instead of 8+8 of 1024 (277 million); 700 updates of "
    "32 sentences, less than one pass over the data. With BLEU this low, perplexity says more about the optimizers."
)
COLUMNS = {
    "train_perplexity": ("train perplexity", ".2f"),
    "best": ("validation perplexity", ".2f"),
    "test": ("test perplexity", ".2f"),
    "bleu": ("test BLEU", ".1f"),
    "validation_bleu": ("validation BLEU at its peak", ".1f"),
    "near_peak_bleu": ("near its peak", ".1f"),
    "test_bleu": ("test BLEU at that peak", ".1f"),
}
PAPER = {
    "adam@constant": {"train_perplexity": 1.49, "test_bleu": 24.5},
    "powersign@constant": {"train_perplexity": 1.39, "test_bleu": 25.0},
}
PICTURES = {
    "Validation BLEU during training": (
        "bleu",
        functools.partial(plot_means, key="bleu_curve", what="validation BLEU"),
    )
}
list_options = list_no_options


@dataclass(frozen=True)
class Setting:
    """The sizes of the experiment.

    Args:
      sweep: The `Sweep`.
      network: A `GNMT`; its defaults are the paper's.
      beam: A `Beam`.
      corpus: A name of `CORPORA`; "wmt14" in the paper.
      languages: The source and the target language, by their names in the corpus.
      digest: A digest that identifies the user's own sentences; else "".
      batch_size: Sentences per update; 128 in the paper, where each of 12 workers updates on its own.
      longest: Largest length of a training sentence, in subwords.
      steps: Weight updates; the paper gives no number, and 340,000 is usual for this network and data.
      evaluations: Number of evaluations on the validation data.
      clipnorm: Largest norm of the gradient; 5 in Wu et al. (2016).
    """

    sweep: Sweep
    network: GNMT
    beam: Beam
    corpus: str = "wmt14"
    batch_size: int = 128
    longest: int = 50
    steps: int = 340_000
    evaluations: int = 68
    clipnorm: float = 5.0
    languages: tuple[str, str] = LANGUAGES
    digest: str = ""


_RATES = tuple(10.0**power for power in range(-3, 2))
_SMALL = Setting(
    Sweep(("adam", "powersign", "sgd", "addsign"), _RATES, refine=(10**0.5,), seeds=3),
    GNMT(vocabulary=2000, layers=2, units=64, dropout=0.0, initial=0.2),
    Beam(),
    corpus="multi30k",
    batch_size=32,
    longest=30,
    steps=700,
    evaluations=5,
)
SMOKE_VOCABULARY = 300  # for a user's own sentences at scale smoke
SETTINGS = {
    "smoke": Setting(
        Sweep(("adam", "powersign"), (1e-2,), seeds=1),
        GNMT(vocabulary=60, layers=3, units=8, initial=0.1),
        Beam(width=2, stretch=1),
        corpus=MADE_UP,
        batch_size=16,
        longest=30,
        steps=20,
        evaluations=2,
    ),
    "small": _SMALL,
    "medium": replace(
        _SMALL,
        sweep=replace(_SMALL.sweep, contenders=("adam", "powersign")),
        steps=10 * _SMALL.steps,
        evaluations=20,
    ),
    "paper": Setting(Sweep(("adam", "powersign"), (1e-4, *_RATES), refine=(10**0.5,)), GNMT(), Beam()),
}


def choose_data(
    setting: Setting, data_dir: Optional[pathlib.Path], languages: Optional[tuple[str, str]]
) -> tuple[Setting, str]:
    """The setting for the sentences in a directory, and their name; "" for the scale's own sentences."""
    languages = languages or setting.languages
    corpus = find_corpus(setting.corpus, data_dir)
    if (corpus, languages) == (setting.corpus, setting.languages):
        return setting, ""
    digest = hash_own(data_dir, languages) if corpus == OWN else ""
    network = setting.network
    if setting.corpus == MADE_UP and corpus != MADE_UP:  # real sentences have more characters
        network = replace(network, vocabulary=SMOKE_VOCABULARY)
    chosen = replace(setting, corpus=corpus, languages=languages, digest=digest, network=network)
    return chosen, "-".join((corpus, *languages))


def run_trial(
    setting: Setting,
    trial: Trial,
    contender: Contender,
    data_dir: Optional[pathlib.Path],
    strategy: tf.distribute.Strategy,
) -> dict[str, Any]:
    """Trains once."""
    data = load(setting.corpus, setting.network.vocabulary, data_dir, setting.languages)

    def read_once(pairs):
        return make_batches(pairs, setting.batch_size)

    bleu = Bleu(setting.beam, setting.batch_size, data)
    peak = PeakWatch(lambda model: bleu(model, "validation")["bleu"], setting.steps // setting.evaluations)

    def finish(model):
        trained = _thin_out(data.train, int(data.validation.source.nrows()))
        logs = model.evaluate(read_once(trained), verbose=0, return_dict=True)
        tested = bleu(model, "test")
        return dict(train_perplexity=read_perplexity(logs), **tested, **bleu.at_peak(model, peak, tested["bleu"]))

    work = training.Work(
        model=setting.network,
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PAD),
        # A mean over the subwords; the loss of `evaluate` is a mean over the batches.
        metrics=lambda: [
            tf.keras.metrics.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PAD, name="nats")
        ],
        train=make_training_batches(data.train, setting.batch_size, setting.longest, trial.seed),
        validation=read_once(data.validation),
        test=read_once(data.test),
        steps=setting.steps,
        evaluations=setting.evaluations,
        measure=read_perplexity,
        larger_is_better=False,
        clipnorm=setting.clipnorm,
    )
    return training.train(work, contender, trial, strategy, finish, [peak])


def read_perplexity(logs: dict[str, float]) -> float:
    """The perplexity from the logs of `evaluate`."""
    return training.perplexity(logs["nats"])


def _thin_out(pairs, count):
    """Picks `count` pairs, evenly spaced over the text."""
    every = max(1, int(pairs.source.nrows()) // count)
    return Pairs(*(sentences[::every][:count] for sentences in pairs))
