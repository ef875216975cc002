"""Trains the float network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.model import model_file
from harness.training.keras import SEED, tensorflow
from harness.training.task import Samples, Task


def train(task: Task, kind: model_file.Task, samples: Samples, say: Callable[[str], None]) -> Any:
    """Train a new network on `samples`, augmented again in every epoch, and return it.

    The target depends on the `kind` of task: for an autoencoder it is the input, otherwise the
    label. `say` is called with the loss after every epoch.
    """
    tf = tensorflow()
    network = task.network(None)
    steps = task.epochs * -(-len(samples) // task.batch)
    rate = tf.keras.optimizers.schedules.CosineDecay(task.learning_rate, steps)
    network.compile(tf.keras.optimizers.Adam(rate), _loss(kind, network.output_shape))
    rng = np.random.default_rng(SEED)
    for epoch in range(task.epochs):
        order = rng.permutation(len(samples))
        inputs = samples.inputs[order]
        targets = inputs if kind == "anomaly-detection" else samples.labels[order]
        if task.augment is not None:
            inputs = task.augment(inputs, rng)
        history = network.fit(inputs, targets, batch_size=task.batch, shuffle=False, verbose=0)
        say(f"epoch {epoch + 1}/{task.epochs}  loss {history.history['loss'][0]:.4f}")
    return network


def _loss(kind: model_file.Task, output_shape: tuple[int | None, ...]) -> str:
    if kind in {"anomaly-detection", "regression"}:
        return "mean_squared_error"
    return "binary_crossentropy" if output_shape[-1] == 1 else "sparse_categorical_crossentropy"
