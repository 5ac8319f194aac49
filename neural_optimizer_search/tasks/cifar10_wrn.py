"""`cifar10_wrn`: CIFAR-10 with a Wide ResNet, for rules that a search found on a smaller task.

The paper runs dozens of its best rules "for 300 epochs on the Wide ResNet architecture" (section 5.1); with the
protocol `paper`, `nos-promote` does the same. A child gets each image unaugmented: `python -m benchmarks.run
cifar_wrn` shifts and mirrors images as the paper's Wide ResNets do, and gives the numbers to compare with the paper.
"""

from dataclasses import replace

from neural_optimizer_search.tasks import cifar10
from neural_optimizer_search.tasks.image_task import ImageTask, TaskSetting
from neural_optimizer_search.tasks.protocol import DECADES, Protocol, Racing
from neural_optimizer_search.tasks.wide_resnet import WideResNet

BATCH = 128  # Zagoruyko & Komodakis (2016)
EPOCH = 45_000 // BATCH

NETWORK = WideResNet(depth=16, width=1, pool=2, batch_norm_momentum=0.5)
DEFAULT = Protocol(
    name="default",
    train_examples=45_000,
    validation_examples=5_000,
    learning_rates=tuple(10.0 ** (i / 2) for i in range(-9, -2)),
    sweep_steps=45,
    final_steps=540,
    validate_every=90,
    finalists=1,
    seeds=(0, 1),
    racing=Racing(),
)

CIFAR10_WRN = ImageTask(
    name="cifar10_wrn",
    classes=10,
    load=cifar10.load,
    load_test=cifar10.load_test,
    settings=(
        # 9 million parameters, 300 epochs; each rate of the sweep gets one epoch.
        TaskSetting(
            Protocol(
                name="paper",
                train_examples=45_000,
                validation_examples=5_000,
                batch_size=BATCH,
                learning_rates=DECADES,
                sweep_steps=EPOCH,
                final_steps=300 * EPOCH,
                validate_every=EPOCH,
                centred=False,
                reward="final_accuracy",
                seeds=(0,),
            ),
            WideResNet(),
        ),
        TaskSetting(DEFAULT, NETWORK),
        TaskSetting(
            replace(
                DEFAULT,
                name="reduced",
                train_examples=5_000,
                validation_examples=500,
                learning_rates=DEFAULT.learning_rates[::2],
                sweep_steps=6,
                final_steps=36,
                validate_every=9,
                seeds=(0,),
            ),
            NETWORK,
        ),
    ),
)
