"""Why a Keras model or SavedModel cannot be converted, and what its owner can do."""

import re
from pathlib import Path

from harness.errors import InputError
from harness.support.printable import printable, printable_lines

_EXPORT = (
    "in the program that trained it, export it, and give that folder: model.export('saved'). A "
    "SavedModel needs no Python code"
)
_HAND = "convert it in the program that trained it (docs/models.md), and give the .tflite file"
_FIXED = (
    "build it with fixed sizes, such as keras.Input((64, 3)), load the weights into it, and save it"
)
# What is wrong by the worker's word for it, with the worker's text or without, and what to do.
_KINDS = {
    "code": ("holds Python code, such as a Lambda layer, which is never run", _EXPORT),
    "custom": ("needs Python code that is not in the file: {}", _EXPORT),
    "weights": (
        "holds weights, but no network",
        "save the whole model: model.save('model.keras')",
    ),
    "size": ("has sizes that are not fixed: {}", _FIXED),
    "signature": ("cannot be converted: {}", "export one: model.export('saved')"),
    "load": ("cannot be loaded: {}", _EXPORT),
    "convert": ("cannot be converted: {}", _HAND),
}
_CUSTOM = re.compile(r"(?:class|layer:|loss:|function:) '(?P<name>[^']+)'")
_OPERATORS = re.compile(r"(?:Flex|Custom) ops: (?P<names>[^\n]+)")
_RECURRENT = re.compile(r"TensorList|has no data type|WHILE|subgraph")
_LOOP = "it has a recurrent layer as a loop, which no microcontroller's operators compute"
_KERAS = (
    "give the Keras model instead, a .keras or .h5 file: its LSTM layers become one operator each, "
    "and other recurrent layers are unrolled"
)
_UNROLL = "build recurrent layers with unroll=True, load the weights into them, and save the model"
_SHOWN = 400  # characters of TensorFlow's own text


def refusal(kind: str, text: str, source: Path, log: Path) -> InputError:
    """Return the error for `source`; `kind` and `text` are the worker's.

    Where the error does not have the whole text of the converter, `log` gets it.
    """
    what, remedy = _KINDS[kind]
    if kind == "custom" and (named := _CUSTOM.search(text)):
        text = f"{named['name']} is a class or function of its author"
    what = what.format(printable(text, _SHOWN))
    if kind == "convert":
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(printable_lines(text), encoding="utf-8")
        what, remedy = _of_converter(text, source, what)
        what += f"\n  the converter's own text: {log}"
    return InputError(what, where=str(source), remedy=remedy)


def _of_converter(text: str, source: Path, what: str) -> tuple[str, str]:
    """Return what is wrong and what to do for a `text` of the converter; `what` repeats it."""
    if _RECURRENT.search(text):
        return f"cannot be converted: {_LOOP}", _KERAS if source.is_dir() else _UNROLL
    if found := _OPERATORS.search(text):
        names = printable(found["names"], _SHOWN)
        return f"cannot be converted: LiteRT has no operators for {names}", _HAND
    return what, _HAND


def unsupported(error: InputError, source: Path) -> InputError:
    """Return the error for `source`, whose float network cannot be read: `error` has the reason."""
    remedy = _UNROLL if _RECURRENT.search(error.what) else _HAND
    return InputError(
        f"becomes a network that cannot run: {error.what}", where=str(source), remedy=remedy
    )
