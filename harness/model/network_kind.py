"""The true cause for which a network cannot run: what kind of file it is, and how to get another.

A file from a compiler for an accelerator, or with float weights, fails somewhere in the reader or
at one of its layers. What fails there is only a consequence. So each refusal is explained by the
first rule that holds here; without any, the refusal stands for itself.
"""

import struct
from collections.abc import Collection, Sequence

from harness.errors import InputError
from harness.model.file_facts import FileFacts, OperatorFacts, facts_of
from harness.model.file_makers import Cause, made_by

FULL_INTEGER = """convert it to full-integer int8, with these lines:
     converter.optimizations = [tf.lite.Optimize.DEFAULT]
     converter.representative_dataset = lambda: ([x[None]] for x in train_inputs[:500])
     converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
     converter.inference_input_type = converter.inference_output_type = tf.int8
     Or give the Keras model to harness models add, which does this"""
"""The remedy for a network that is not quantized, or not to int8."""

CUSTOM = (
    "if a compiler for an accelerator made this file, give the file from before. Otherwise replace "
    "the custom operators in the model, and leave converter.allow_custom_ops out"
)

_TYPES = {
    "STRING": "text",
    "COMPLEX64": "complex numbers",
    "COMPLEX128": "complex numbers",
    "FLOAT64": "float64 numbers",
    "BFLOAT16": "bfloat16 numbers",
    "VARIANT": "lists of tensors (VARIANT)",
}
"""Types that TFLM has in no kernel."""

_HYBRID = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "SVDF"} | {
    f"{direction}_SEQUENCE_{cell}"
    for direction in ("UNIDIRECTIONAL", "BIDIRECTIONAL")
    for cell in ("LSTM", "RNN")
}
"""Operators with weights that TFLite also computes with float activations and int8 weights."""

_CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}
_SHOWN = 5


def explain(
    error: InputError,
    data: bytes,
    refused: Sequence[OperatorFacts] = (),
    unknown: Collection[str] = (),
) -> bool:
    """Give `error` the true cause, if the network `data` has one.

    Returns whether it is the types with which the `refused` layers compute.

    `refused` are the layers that an engine refuses; a cause that concerns layers must concern one
    of them. Without any, the file could not be read. `unknown` are the kinds that the engine has
    for no type.
    """
    try:
        facts = facts_of(data)
    except (struct.error, ValueError, IndexError, TypeError, AttributeError):  # damaged
        return False
    file, types = _of_file(facts, refused), _computed(refused, unknown)
    cause = file or types
    if cause is not None:
        error.what, error.remedy = cause
    return file is None and types is not None


def _of_file(facts: FileFacts, refused: Sequence[OperatorFacts]) -> Cause | None:
    return (
        made_by(facts)
        or _custom(facts)
        or _stored(facts)
        or _unknown_type(facts)
        or _masked(refused)
        or (None if refused else _shape(facts) or _loop(facts))
    )


def _custom(facts: FileFacts) -> Cause | None:
    flex = [name for name in facts.custom if name.startswith("Flex")]
    if flex:
        return (
            f"needs operators of TensorFlow itself: {_list(flex)}; no microcontroller has them",
            "leave tf.lite.OpsSet.SELECT_TF_OPS out of converter.target_spec.supported_ops. The "
            "converter then names the layers that have no TFLite operator: replace them in the "
            "model, or compute them before or after the network",
        )
    stable = [each.kind for each in facts.operators if each.kind.startswith("STABLEHLO_")]
    if stable:
        return (
            f"has StableHLO operators: {_list(stable)}; TFLM has none of them",
            "convert the original model again to TFLite's own operators",
        )
    return None


def _stored(facts: FileFacts) -> Cause | None:
    """Return how weights are stored, if not as int8, int16 or float32."""
    constants = [tensor for tensor in facts.tensors if tensor.constant]
    if any(tensor.sparse for tensor in facts.tensors):
        return (
            "has sparse weights: only those that are not zero are stored, which TFLM cannot read",
            "convert the pruned model again without tf.lite.Optimize.EXPERIMENTAL_SPARSITY; the "
            "weights that are zero are then stored, too",
        )
    if any(tensor.type == "FLOAT16" for tensor in constants):
        return (
            "has float16 weights and computes with float32: it is made for a GPU or a phone",
            "leave converter.target_spec.supported_types = [tf.float16] out, and " + FULL_INTEGER,
        )
    if any(tensor.external for tensor in constants):
        return (
            "keeps its weights outside the flatbuffer, as networks above 2 GB do",
            "convert it without converter._experimental_use_buffer_offset",
        )
    return None


def _unknown_type(facts: FileFacts) -> Cause | None:
    for each in facts.operators:
        for tensor in each.tensors:
            if tensor.type in _TYPES and each.custom:
                return (
                    f"has custom operators: {_list(facts.custom)}; only a program with kernels for "
                    "them runs it",
                    CUSTOM,
                )
            if tensor.type in _TYPES:
                return (
                    f"processes {_TYPES[tensor.type]}: {each.kind} has tensor {tensor.name!r} of "
                    f"type {tensor.type}; TFLM has no operators for it",
                    "do this part before the network, in the program that uses it, and convert "
                    "the rest",
                )
    if any(tensor.type == "FLOAT16" for tensor in facts.tensors):
        return "computes with float16", FULL_INTEGER
    return None


def _masked(refused: Sequence[OperatorFacts]) -> Cause | None:
    """Return whether the `refused` layers share out a mask over the steps of a recurrent layer."""
    if any(each.kind == "UNPACK" and each.inputs[0].type == "BOOL" for each in refused):
        return (
            "applies a mask to its recurrent layers, from Masking or from Embedding with "
            "mask_zero=True, and TFLM has no operators for masks",
            "build the model without the mask, load the weights into it, and save it. It then "
            "computes with the padding, too: put the padding before the data, and look at the "
            "quality that models add prints. If it is bad, train without the mask",
        )
    return None


def _shape(facts: FileFacts) -> Cause | None:
    for tensor in facts.inputs:
        if tensor.dynamic:
            shape = "x".join("?" if size < 0 else str(size) for size in tensor.dynamic)
            return (
                f"its input {tensor.name!r} has shape {shape}: a size other than the batch is not "
                "fixed, so no memory can be planned",
                "convert it with a fixed shape: keras.Input(shape=..., batch_size=1), or "
                "tf.function(model).get_concrete_function(tf.TensorSpec(...)) and "
                "TFLiteConverter.from_concrete_functions",
            )
    return None


def _loop(facts: FileFacts) -> Cause | None:
    """Return whether the file is a recurrent layer as Keras converts it for any batch."""
    kinds = {each.kind for each in facts.operators}
    if "WHILE" in kinds and any(tensor.dynamic for tensor in facts.tensors):
        return (
            "has a loop over the steps of a recurrent layer (WHILE) whose tensors have no fixed "
            "size: TFLM cannot plan memory for it",
            "give the Keras model to harness models add, which unrolls the layer. Or build the "
            "layer with unroll=True and the input with keras.Input(shape=..., batch_size=1), load "
            "the weights, and convert again",
        )
    return None


def _computed(refused: Sequence[OperatorFacts], unknown: Collection[str]) -> Cause | None:
    """Return with which types the `refused` layers compute, if a converter's option set them."""
    builtin = [each for each in refused if not each.custom]
    known = [each for each in builtin if each.kind not in unknown]
    return _hybrid(builtin) or _floats(known) or _legacy(builtin) or _rounded(builtin)


def _hybrid(refused: Sequence[OperatorFacts]) -> Cause | None:
    """Return why the `refused` layers compute with floats and int8 weights, or round floats."""
    if any(each.kind == "FAKE_QUANT" for each in refused):
        return (
            "has FAKE_QUANT operators: it was trained to be quantized, but is not",
            FULL_INTEGER,
        )
    hybrid = [each.kind for each in refused if _is_hybrid(each)]
    if hybrid:
        return (
            "is quantized with dynamic range: its weights are int8, but these layers compute with "
            f"floats, which TFLM refuses: {_list(hybrid)}",
            FULL_INTEGER,
        )
    return None


def _floats(refused: Sequence[OperatorFacts]) -> Cause | None:
    """Return which of the `refused` layers compute with floats; TFLM does not in them."""
    floats = [each.kind for each in refused if _is_float(each)]
    if floats:
        return f"computes with floats in layers where TFLM does not: {_list(floats)}", FULL_INTEGER
    return None


def _legacy(refused: Sequence[OperatorFacts]) -> Cause | None:
    """Return which of the `refused` layers compute with uint8."""
    legacy = [each.kind for each in refused if _is_legacy(each)]
    if legacy:
        return (
            f"is quantized to uint8, as TensorFlow 1 did ({_list(legacy)}); TFLM computes with "
            "int8",
            FULL_INTEGER,
        )
    return None


def _rounded(refused: Sequence[OperatorFacts]) -> Cause | None:
    """Return whether the `refused` layers round floats to uint8."""
    if any(
        (each.kind, each.inputs[0].type, each.outputs[0].type) == ("QUANTIZE", "FLOAT32", "UINT8")
        for each in refused
    ):
        return "rounds floats to uint8 (QUANTIZE); TFLM rounds them to int8 or int16", FULL_INTEGER
    return None


def _is_hybrid(operator: OperatorFacts) -> bool:
    """Return whether weights are quantized, but not what they are multiplied with."""
    quantized = [each for each in operator.inputs if each.constant and each.quantized]
    return (
        operator.kind in _HYBRID
        and any(each.type in {"INT8", "UINT8", "INT4"} for each in quantized)
        and _is_float(operator)
    )


def _is_float(operator: OperatorFacts) -> bool:
    if operator.kind in _CONVERSIONS:
        return False
    return any(each.type == "FLOAT32" and not each.constant for each in operator.tensors)


def _is_legacy(operator: OperatorFacts) -> bool:
    tensors = () if operator.kind in _CONVERSIONS else operator.tensors
    return any(each.type == "UINT8" and each.quantized and not each.constant for each in tensors)


def _list(kinds: Sequence[str]) -> str:
    names = list(dict.fromkeys(kinds))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
