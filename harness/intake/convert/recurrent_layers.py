"""Prepares recurrent Keras layers for the converter; `tensorflow_worker` runs this file beside it.

Loops would become subgraphs, with floats in them. An LSTM layer becomes one operator instead, and
other layers are unrolled. Unrolled, a layer has weights and code for each step.
"""

from collections.abc import Callable
from typing import Any


def prepare(model: Any, tf: Any, *, whole_lstm: bool) -> None:
    """Change the recurrent layers of `model`, which is then called to convert it.

    Without `whole_lstm`, LSTM layers are unrolled like the others.
    """
    layers = list(model._flatten_layers())  # also those inside of layers
    # Both directions get one scale, which the converter does not give their states, too.
    joined = [
        each
        for layer in layers
        if isinstance(layer, tf.keras.layers.Bidirectional)
        for each in (layer.forward_layer, layer.backward_layer)
    ]
    for layer in layers:
        if hasattr(layer, "unroll"):
            layer.unroll = True
        alone = not any(layer is each for each in joined)
        if whole_lstm and type(layer) is tf.keras.layers.LSTM and alone and _is_plain(layer):
            layer.call = _whole(layer, tf)


def _is_plain(layer: Any) -> bool:
    """Whether it is the LSTM that TensorFlow Lite Micro computes."""
    functions = (layer.activation.__name__, layer.recurrent_activation.__name__)
    kept = layer.stateful or layer.return_state
    usual = functions == ("tanh", "sigmoid") and layer.use_bias
    return usual and not kept and layer.compute_dtype == "float32"


def _whole(layer: Any, tf: Any) -> Callable[..., Any]:
    """Return what calls `layer` as a function that the converter knows to be an LSTM."""

    def lstm(values: Any, hidden: Any, cell: Any, *weights: Any) -> tuple[Any, ...]:
        of_input, of_hidden, bias = weights
        steps = range(values.shape[1])
        outputs = []
        for step in reversed(steps) if layer.go_backwards else steps:
            sums = tf.matmul(values[:, step], of_input) + tf.matmul(hidden, of_hidden) + bias
            add, keep, new, show = tf.split(sums, 4, axis=1)
            cell = tf.sigmoid(keep) * cell + tf.sigmoid(add) * tf.tanh(new)
            hidden = tf.sigmoid(show) * tf.tanh(cell)
            outputs.append(hidden)
        # The converter wants five results, and the last three unused.
        return hidden, tf.stack(outputs, axis=1), hidden, cell, tf.constant(0.0)

    attributes = {
        "api_implements": f"lstm_{layer.name}",
        "api_preferred_device": "CPU",
        "time_major": False,
        "go_backwards": layer.go_backwards,
    }
    function = tf.function(lstm, autograph=False, experimental_attributes=attributes)
    plain = layer.call

    def call(
        sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        if initial_state is not None or mask is not None:
            return plain(sequences, initial_state=initial_state, mask=mask, training=training)
        zero = tf.zeros([sequences.shape[0], layer.units])
        own = (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)
        last, every, *_ = function(sequences, zero, zero, *map(tf.convert_to_tensor, own))
        return every if layer.return_sequences else last

    return call
