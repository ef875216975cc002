"""Converts a Keras model or SavedModel; a Python that has TensorFlow runs this file.

It may not import the harness, which that Python need not have. Each line on the standard input
names a step; the answer is a line of JSON. Networks and arrays are files in the folder that both
sides know. Nothing of a user's Python code is run: Keras loads in its safe mode.
"""

import json
import os
import runpy
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before TensorFlow is imported. The order of oneDNN's sums depends on the processor; the log
# holds nothing that the exceptions do not say. Keras 2 has no safe mode for HDF5 files.
os.environ.update(
    TF_ENABLE_ONEDNN_OPTS="0",
    CUDA_VISIBLE_DEVICES="-1",
    TF_CPP_MIN_LOG_LEVEL="3",
    KERAS_BACKEND="tensorflow",
    TF_USE_LEGACY_KERAS="0",
)

_SIGNATURE = "serving_default"
_LAYER_VECTORS = 64
_SEED = 7
_LONGEST_TEXT = 1_000_000


class _RefusedError(Exception):
    """The user's model cannot be converted: a `kind` that the harness knows, and a text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Worker:
    """The steps for the model `source`, with the files of both sides in `folder`."""

    def __init__(self, source: Path, folder: Path) -> None:
        import tensorflow as tf  # noqa: PLC0415 - it takes seconds, and may be missing

        self._tf: Any = tf
        self._source = source
        self._folder = folder
        self._fixed = str(folder / "fixed")
        self._inputs: list[str] = []
        tf.keras.utils.set_random_seed(_SEED)
        tf.keras.config.disable_interactive_logging()

    def load(self) -> dict[str, object]:
        """Load the model, fix its batch to 1, and write `float.tflite`."""
        tf = self._tf
        # A dynamic batch would add SHAPE, STRIDED_SLICE and PACK operators.
        if self._source.is_dir():
            self._fix_saved_model()
        else:
            self._fix_keras_model()
        self._write("float.tflite", self._converter())
        return {
            "tensorflow": tf.__version__,
            "keras": tf.keras.__version__,
            "inputs": self._inputs,
        }

    def unroll(self) -> dict[str, object]:
        """Write `float.tflite` again, with every recurrent layer unrolled."""
        self._inputs.clear()
        self._fix_keras_model(whole_lstm=False)
        self._write("float.tflite", self._converter())
        return {}

    def quantize(self) -> dict[str, object]:
        """Write `int8.tflite`, calibrated with the inputs in `calibration.npz`."""
        tf = self._tf
        converter = self._converter()
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        arrays = self._arrays("calibration.npz")
        names = self._names_of_inputs()

        def samples() -> Iterator[dict[str, Any]]:
            for values in zip(*arrays, strict=True):
                yield {name: value[None] for name, value in zip(names, values, strict=True)}

        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        self._write("int8.tflite", converter)
        return {}

    def compare(self) -> dict[str, object]:
        """Write the float network's outputs for `inputs.npz`; return the errors of the layers."""
        import numpy as np  # noqa: PLC0415 - TensorFlow brings it

        arrays = self._arrays("inputs.npz")
        network = self._interpreter("float.tflite")
        details = network.get_output_details()
        outputs: list[list[Any]] = [[] for _ in details]
        for values in zip(*arrays, strict=True):
            _run(network, values)
            for kept, detail in zip(outputs, details, strict=True):
                kept.append(network.get_tensor(detail["index"])[0])
        np.savez(self._folder / "outputs.npz", *map(np.stack, outputs))
        return {"layers": self._layer_errors(arrays)}

    def _layer_errors(self, arrays: list[Any]) -> dict[str, list[float]]:
        """Return for each tensor of both networks: mean square of the error, and of the value.

        `arrays` are the inputs; some of them are enough.
        """
        import numpy as np  # noqa: PLC0415 - TensorFlow brings it

        exact, quantized = self._interpreter("float.tflite"), self._interpreter("int8.tflite")
        places = {detail["name"]: detail for detail in exact.get_tensor_details()}
        pairs = [
            (detail["name"], places[detail["name"]], detail)
            for detail in quantized.get_tensor_details()
            if detail["name"] in places
        ]
        sums: dict[str, Any] = {}
        step = max(1, len(arrays[0]) // _LAYER_VECTORS)
        for values in zip(*(array[::step] for array in arrays), strict=True):
            _run(exact, values)
            _run(quantized, values)
            for name, left, right in pairs:
                scale, zero_point = right["quantization"]
                try:
                    wanted = exact.get_tensor(left["index"])
                    stored = quantized.get_tensor(right["index"])
                except ValueError:
                    continue  # not every tensor has data
                if not scale or wanted.dtype != np.float32 or wanted.shape != stored.shape:
                    continue
                got = (stored.astype(np.float32) - zero_point) * np.float32(scale)
                squares = np.mean((got - wanted) ** 2), np.mean(wanted**2)
                if np.isfinite(squares).all():  # JSON has no other numbers
                    sums[name] = sums.get(name, 0) + np.array(squares, float)
        return {name: pair.tolist() for name, pair in sums.items()}

    def _fix_keras_model(self, *, whole_lstm: bool = True) -> None:
        """Load the Keras model, and save it with a signature of batch 1."""
        tf = self._tf
        try:
            model = tf.keras.models.load_model(self._source, compile=False, safe_mode=True)
        except Exception as error:  # whatever Keras raises for what is in the file
            raise _RefusedError(_kind_of(error), _explanation(error)) from error
        specs = [
            self._spec(tensor.shape, tensor.dtype, tensor.name.partition(":")[0])
            for tensor in tf.nest.flatten(model.inputs)
        ]

        def serve(*values: Any) -> dict[str, Any]:
            one = len(values) == 1  # a Sequential has no structure of inputs
            given = values[0] if one else tf.nest.pack_sequence_as(model.input, values)
            found = tf.nest.flatten(model(given, training=False))
            return {f"output_{index:03}": value for index, value in enumerate(found)}

        beside = Path(__file__).with_name("recurrent_layers.py")
        runpy.run_path(str(beside))["prepare"](model, tf, whole_lstm=whole_lstm)
        # It saves the variables so that the converter makes constants of them.
        archive = tf.keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serve", serve, input_signature=specs)
        archive.write_out(self._fixed, verbose=False)

    def _fix_saved_model(self) -> None:
        """Load the SavedModel, and save it with a signature of batch 1."""
        tf = self._tf
        try:
            model = tf.saved_model.load(str(self._source))
        except Exception as error:  # whatever TensorFlow raises for what is in the folder
            raise _RefusedError("load", _explanation(error)) from error
        known = list(model.signatures)
        if _SIGNATURE not in known and len(known) != 1:
            raise _RefusedError(
                "signature", f"it has {len(known)} signatures: {', '.join(known) or 'none'}"
            )
        signature = model.signatures[_SIGNATURE if _SIGNATURE in known else known[0]]
        given = signature.structured_input_signature[1]
        specs = [self._spec(spec.shape, spec.dtype, name) for name, spec in given.items()]

        def serve(*values: Any) -> Any:
            return signature(**dict(zip(given, values, strict=True)))

        module = tf.Module()
        module.model = model  # its variables are saved with it
        module.serve = tf.function(serve, input_signature=specs)
        tf.saved_model.save(module, self._fixed, signatures={_SIGNATURE: module.serve})

    def _spec(self, shape: Any, dtype: Any, name: str) -> Any:
        """Return the description of an input with the batch 1; refuse a size that is not fixed."""
        sizes = [1, *list(shape)[1:]]
        if None in sizes or not list(shape):
            raise _RefusedError("size", f"its input {name} has the shape {list(shape)}")
        self._inputs.append(name)
        return self._tf.TensorSpec(sizes, dtype, name=name)

    def _converter(self) -> Any:
        return self._tf.lite.TFLiteConverter.from_saved_model(
            self._fixed, signature_keys=[_SIGNATURE]
        )

    def _write(self, name: str, converter: Any) -> None:
        with warnings.catch_warnings():
            # The converter warns about missing statistics; the calibration provides them.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            try:
                data = bytes(converter.convert())
            except Exception as error:  # whatever the converter raises for a layer
                raise _RefusedError("convert", str(error)[:_LONGEST_TEXT]) from error
        (self._folder / name).write_bytes(data)

    def _names_of_inputs(self) -> list[str]:
        """Return what the signature calls the inputs, in the order of the network."""
        network = self._interpreter("float.tflite")
        runner = network.get_signature_runner(_SIGNATURE)
        by_index = {detail["index"]: name for name, detail in runner.get_input_details().items()}
        return [by_index[detail["index"]] for detail in network.get_input_details()]

    def _interpreter(self, name: str) -> Any:
        lite = self._tf.lite
        network = lite.Interpreter(
            model_path=str(self._folder / name),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=(
                lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
        )
        network.allocate_tensors()
        return network

    def _arrays(self, name: str) -> list[Any]:
        import numpy as np  # noqa: PLC0415 - TensorFlow brings it

        with np.load(self._folder / name, allow_pickle=False) as archive:
            return [archive[key] for key in archive.files]


def _run(network: Any, values: Any) -> None:
    """Run `network` from its first state on real `values`, an array for each input."""
    import numpy as np  # noqa: PLC0415 - TensorFlow brings it

    network.reset_all_variables()
    for detail, value in zip(network.get_input_details(), values, strict=True):
        scale, zero_point = detail["quantization"]
        if detail["dtype"] == np.int8 and scale:
            stored = np.rint(value / np.float32(scale)) + zero_point
            given = np.clip(stored, -128, 127).astype(np.int8)
        else:
            given = value
        network.set_tensor(detail["index"], given[None])
    network.invoke()


def _kind_of(error: Exception) -> str:
    """Return which kind of model Keras refused to load with `error`."""
    text = str(error)
    if "safe_mode" in text or "Lambda" in text or "unsafe" in text:
        return "code"
    if "Could not locate" in text or "Unknown layer" in text or "custom" in text:
        return "custom"
    if "No model config" in text or "No model found" in text:
        return "weights"
    return "load"


def _explanation(error: Exception) -> str:
    """Return what Keras says about the cause, without the description of the whole model."""
    text = str(error).rpartition("Exception encountered: ")[2].partition("Full object config")[0]
    return f"{type(error).__name__}: {' '.join(text.split())}"[:1000]


def main(source: str, folder: str) -> None:
    """Answer the steps that the standard input names until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # TensorFlow prints there
    tempfile.tempdir = folder  # what Keras unpacks goes with the folder
    worker = _Worker(Path(source), Path(folder))
    known = (worker.load, worker.unroll, worker.quantize, worker.compare)
    steps = {step.__name__: step for step in known}
    for line in sys.stdin:
        answer: dict[str, object]
        try:
            answer = steps[line.strip()]()
        except _RefusedError as error:
            answer = {"refused": error.kind, "text": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
