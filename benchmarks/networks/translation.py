"""Translation by beam search, and its BLEU score."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Union

import sacrebleu
import tensorflow as tf

from benchmarks.data.subwords import END, PAD, START
from benchmarks.networks.gnmt import Translator

IMPOSSIBLE = -float("inf")


@dataclass(frozen=True)
class Beam:
    """The settings of beam search.

    Args:
      width: Number of hypotheses kept per sentence.
      alpha: Exponent of the length normalization; 0.2 in Wu et al. (2016). Their coverage penalty is left out.
      stretch: Largest length of a translation, as a multiple of the length of its source in subwords.
    """

    width: int = 4
    alpha: float = 0.2
    stretch: int = 2

    def penalty(self, length: Any) -> tf.Tensor:
        """The divisor of a sequence's log-probability, which keeps long sequences competitive."""
        return ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** self.alpha


class Hypotheses(NamedTuple):
    """The beams of all sentences, best first: [sentences, width]; `subwords` are [sentences, width, longest]."""

    log_probability: tf.Tensor
    length: tf.Tensor
    ended: tf.Tensor
    subwords: tf.Tensor


def beam_search(
    step: Callable, states: Any, sentences: Union[int, tf.Tensor], longest: tf.Tensor, beam: Beam
) -> Hypotheses:
    """Finds the `Hypotheses` with the highest log P / penalty(length) by beam search.

    Args:
      step: (last subwords [N], states) -> (log-probabilities of the next subword [N, vocabulary], states), with
        N = sentences * beam.width.
      states: Nest of tensors [N, ...], the states before the first subword.
      sentences: Number of sentences.
      longest: Lengths at which sequences are cut off, in subwords, [sentences].
      beam: A `Beam`.
    """
    width = beam.width
    first = tf.tile([[0.0] + [IMPOSSIBLE] * (width - 1)], [sentences, 1])  # otherwise all hypotheses would be equal
    hypotheses = Hypotheses(
        log_probability=first,
        length=tf.zeros([sentences, width], tf.int32),
        ended=tf.zeros([sentences, width], tf.bool),
        subwords=tf.fill([sentences, width, tf.reduce_max(longest)], PAD),
    )
    last = tf.fill([sentences * width], START)
    at = tf.constant(0)
    while not _is_decided(hypotheses, longest, beam):
        log_probabilities, states = step(last, states)
        hypotheses, parent = _extend(hypotheses, log_probabilities, at, longest, beam)
        rows = tf.reshape(parent + width * tf.range(sentences)[:, tf.newaxis], [-1])
        states = tf.nest.map_structure(lambda state, rows=rows: tf.gather(state, rows), states)
        last = tf.reshape(tf.gather(hypotheses.subwords, at, axis=2), [-1])
        at += 1
    return hypotheses


def _extend(hypotheses, log_probabilities, at, longest, beam):
    """Extends unfinished hypotheses by a subword; returns the best ones and the position of each one's parent."""
    sentences, width, places = tf.unstack(tf.shape(hypotheses.subwords))
    vocabulary = tf.shape(log_probabilities)[-1]
    log_probabilities = tf.reshape(log_probabilities, [sentences, width, vocabulary])
    is_pad = tf.range(vocabulary) == PAD
    # A finished sequence continues with padding at no cost; no other sequence may have padding.
    log_probabilities = tf.where(
        hypotheses.ended[..., tf.newaxis],
        tf.where(is_pad, 0.0, IMPOSSIBLE),
        tf.where(is_pad, IMPOSSIBLE, log_probabilities),
    )
    length = hypotheses.length + tf.cast(~hypotheses.ended, tf.int32)
    total = hypotheses.log_probability[..., tf.newaxis] + log_probabilities
    score = total / beam.penalty(length)[..., tf.newaxis]
    _, best = tf.math.top_k(tf.reshape(score, [sentences, -1]), width)
    parent, subword = best // vocabulary, best % vocabulary
    length = tf.gather(length, parent, batch_dims=1)
    ended = tf.gather(hypotheses.ended, parent, batch_dims=1)
    after = Hypotheses(
        log_probability=tf.gather(tf.reshape(total, [sentences, -1]), best, batch_dims=1),
        length=length,
        ended=ended | (subword == END) | (length == longest[:, tf.newaxis]),
        subwords=tf.where(
            tf.range(places) == at,
            subword[..., tf.newaxis],
            tf.gather(hypotheses.subwords, parent, batch_dims=1),
        ),
    )
    return after, parent


def _is_decided(hypotheses, longest, beam):
    """Whether, for each sentence, a finished sequence scores at least as well as any unfinished one still can."""
    score = hypotheses.log_probability / beam.penalty(hypotheses.length)
    bound = hypotheses.log_probability / beam.penalty(longest)[:, tf.newaxis]
    ended = tf.reduce_max(tf.where(hypotheses.ended, score, IMPOSSIBLE), axis=1)
    others = tf.reduce_max(tf.where(hypotheses.ended, IMPOSSIBLE, bound), axis=1)
    return tf.reduce_all(hypotheses.ended[:, 0] & (ended >= others))


Search = Callable[[tf.Tensor], tf.Tensor]


def make_search(model: Translator, beam: Beam) -> Search:
    """A function from sources to their best translations, both subwords [sentences, longest].

    Translations include `END`, with padding after it. The function is traced once and uses the model's current
    weights.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def best(source):
        memory = tf.nest.map_structure(lambda part: tf.repeat(part, beam.width, axis=0), model.encode(source))
        count = tf.shape(source)[0]

        def step(last, states):
            logits, states = model.decode(last[:, tf.newaxis], memory, states)
            return tf.nn.log_softmax(logits[:, 0]), states

        states = model.no_states(count * beam.width)
        longest = beam.stretch * tf.reduce_sum(tf.cast(source != PAD, tf.int32), axis=1)
        return beam_search(step, states, count, longest, beam).subwords[:, 0]

    return best


def translate(search: Search, sources: tf.RaggedTensor, batch_size: int) -> list[list[int]]:
    """Translates each source; returns lists of subwords, with `END` and padding after it.

    Args:
      search: The result of `make_search`.
      sources: Ragged tensor of subwords.
      batch_size: Number of sources at a time.
    """
    order = tf.argsort(sources.row_lengths()).numpy()
    found = [None] * len(order)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        for row, subwords in zip(rows, search(tf.gather(sources, rows).to_tensor(PAD)).numpy().tolist()):
            found[row] = subwords
    return found


def measure_bleu(translations: list[str], references: list[str]) -> dict[str, Any]:
    """BLEU by sacrebleu, and the signature of its settings."""
    metric = sacrebleu.metrics.BLEU()
    score = metric.corpus_score(translations, [references]).score
    return dict(bleu=score, bleu_signature=str(metric.get_signature()))
