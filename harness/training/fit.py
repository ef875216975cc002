"""Trains the float network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.model import model_file
from harness.model.bad_array import format_shape
from harness.training.keras import SEED, tensorflow
from harness.training.task import TRAIN, Samples, Task


def train(task: Task, kind: model_file.Task, samples: Samples, say: Callable[[str], None]) -> Any:
    """Train a new network on `samples`, augmented again in every epoch, and return it.

    The target depends on the `kind` of task: for an autoencoder it is the input, otherwise the
    label. `say` is called with the loss after every epoch.
    """
    tf = tensorflow()
    network = task.network(None)
    if network.input_shape[1:] != samples.inputs.shape[1:]:
        takes = str(["N", *network.input_shape[1:]]).replace("'", "")
        raise InputError(
            f"the inputs have the shape {format_shape(samples.inputs.shape)}, but the network "
            f"takes {takes}",
            where=f"{TRAIN}: load",
            remedy="return inputs of the network's shape, or change the network",
        )
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
