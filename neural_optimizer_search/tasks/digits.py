"""`digits`: scikit-learn's 1,797 handwritten digits of 8x8 pixels. They come with the wheel, so there is no download.

The protocol `default` was chosen to tell good rules from better ones. Six baselines and ten rules of Table 6, as
measured by `python -m benchmarks.run task_discrimination --task digits --repeats 12` (seeds 0 to 59, five per
measurement):

    rule                                        reward  deviation of one measurement
    (1 + sign(g) * sign(m)) * Adam              0.8869  0.0042
    (1 + sign(g) * sign(m)) * sign(g)           0.8705  0.0065
    AddSign                                     0.8677  0.0026
    PowerSign                                   0.8666  0.0043
    sign(g) * sign(m) * m                       0.8659  0.0047
    sign(m) * sqrt(|g|)                         0.8636  0.0059
    Adam                                        0.8633  0.0088
    drop(g, 0.3) * exp(sign(g) * sign(m))       0.8631  0.0065
    SGD                                         0.8508  0.0068
    m * (1 + eps) * sigmoid(1e-4*w)             0.8362  0.0052
    Momentum                                    0.8348  0.0047
    clip(RMSProp, 1e-5) + drop(m, 0.3)          0.8335  0.0046
    clip(m, 1e-4) * exp(v)                      0.8310  0.0085
    RMSProp                                     0.8230  0.0103
    sqrt(|g|) * g                               0.8220  0.0084
    exp(g) - exp(m)                             0.2354  0.0790

The fifteen healthy rules (at least half of the best one's reward) span 10.0 deviations. In a search all rules have
the same seeds, so the deviation excludes the effect of the seeds that is common to all rules; with that effect
included, the span is 7.1. The estimate itself is uncertain by about a tenth.

Alternatives, with their spans, and in parentheses the spans that include the common effect. On the same 12 x 5 seeds:
a second stage of the sweep for the best four rates or for all, 10.9 (7.5), for the best two, 9.7 (7.2); with the best
three, a rule costs 69 % of what it costs with all (`python -m benchmarks.run staged_sweep`). With the seeds 0 to 29
and all rates in full: the protocol as it is, 10.7 (8.5); "same" padding in both convolutions, 10.3 (7.8), and a third
slower; "valid" in both, 4.9; first stride 3, 11.2 and a little slower. With three seeds, all rates in full, and
"same" padding in both: 9.2 and 11.6 in two measurements; the mean accuracy as the reward, 7.8; the same with 8
filters, 9.2; sweep and final run of 9 and 24 steps, 9.0; a sweep of 8 steps, 7.7. With 2x2 max-pooling instead of
strides, which makes a rule cost half as much again, the mean accuracy gave 10.5, and with rates half a decade apart
9.6 (6.9). A momentum of 0.9 for the moving statistics, with which validation lags behind the weights, reduced the
latter to 3.5.
"""

from typing import Optional

import numpy as np

from neural_optimizer_search.command_line import import_package
from neural_optimizer_search.tasks.image_task import Examples, ImageTask, TaskSetting
from neural_optimizer_search.tasks.protocol import DECADES, Protocol, Racing
from neural_optimizer_search.tasks.small_networks import ConvNet

TEST_EXAMPLES = 97  # the last ones; no search sees them


def load(data_dir: Optional[str] = None) -> Examples:
    """All examples except the last ones; `data_dir` is not used."""
    return _examples(slice(None, -TEST_EXAMPLES))


def load_test(data_dir: Optional[str] = None) -> Examples:
    """The last examples."""
    return _examples(slice(-TEST_EXAMPLES, None))


def _examples(part):
    digits = import_package("sklearn.datasets", "search", "the task digits").load_digits()
    images = (digits.images[part, ..., np.newaxis] / 16.0).astype(np.float32)
    return Examples(images, digits.target[part].astype(np.int32))


DEFAULT = Protocol(
    name="default",
    train_examples=1200,
    validation_examples=500,
    learning_rates=tuple(10.0 ** (-2.5 + i / 3) for i in range(7)),
    sweep_steps=12,
    final_steps=36,
    validate_every=6,
    finalists=3,
    reward="mean_cross_entropy",
    seeds=(0, 1, 2, 3, 4),
    racing=Racing(),
)

DIGITS = ImageTask(
    name="digits",
    classes=10,
    load=load,
    load_test=load_test,
    settings=(
        TaskSetting(DEFAULT, ConvNet(filters=16, strides=2, padding=("valid", "same"), batch_norm_momentum=0.5)),
        TaskSetting(
            Protocol(
                name="reduced",
                train_examples=600,
                validation_examples=200,
                learning_rates=(1e-3, 1e-2, 1e-1),
                sweep_steps=6,
                final_steps=12,
                validate_every=6,
                seeds=(0,),
                racing=Racing(),
            ),
            ConvNet(filters=4, strides=2),
        ),
        TaskSetting(
            Protocol(
                name="paper",
                train_examples=1200,
                validation_examples=500,
                learning_rates=DECADES,
                sweep_steps=12,
                final_steps=60,
                validate_every=60,
                centred=False,
                reward="final_accuracy",
                seeds=(0,),
            ),
            ConvNet(),
        ),
    ),
)
