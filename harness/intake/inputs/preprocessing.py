"""From a user's sample to the real values of a network's input: the steps have names.

The names are those of `--preprocess`. `model.toml` describes the steps that were taken.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.file_spec import split_part
from harness.intake.inputs.user_function import UserFunction, load_function
from harness.support.suggestions import suggest

Array = npt.NDArray[Any]
Kind = Literal["array", "table", "picture", "recording"]
Scale = Literal["unit", "signed", "raw", "stored"]
Range = tuple[float, float]

_SCALES: tuple[Scale, ...] = get_args(Scale)
_STEPS = (*_SCALES, "resize", "mono", "pad")
_HALF, _FULL = np.float32(127.5), np.float32(255)
_SOUND = np.float32(32768)
_OWN = "or FILE.py:FUNCTION, your own"
HOW_TO_SCALE: dict[Kind, str] = {
    **dict.fromkeys(
        ("array", "table"),
        "say how: --preprocess unit (divide by 255), signed (-1 to 1), raw (the numbers "
        f"themselves), stored (they are quantized already), {_OWN}",
    ),
    "picture": "say how: --preprocess unit (0 to 1), signed (-1 to 1), raw (0 to 255), " + _OWN,
    "recording": f"say how: --preprocess signed (-1 to 1), raw (-32768 to 32767), {_OWN} features",
}
"""What to do if it is not clear how the numbers of a kind of file become an input."""

_ABOUT: dict[Scale, Range] = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0), "raw": (0.0, 255.0)}
_CLOSE = 0.1  # share of the span; calibration seldom sees both ends
_LOUD = 1000.0  # no network takes samples of full scale 1 up to here


@dataclass(frozen=True)
class Preprocessing:
    """The steps for one input.

    `scale` changes the numbers; without it, they stay. With `resize`, a picture gets the size of
    the input. With `mono`, a recording becomes the mean of its channels. With `pad`, it gets the
    length of the input: silence is added at its end, or its end is cut. A user's `function` stands
    for all other steps.
    """

    scale: Scale | None = None
    resize: bool = False
    mono: bool = False
    pad: bool = False
    function: UserFunction | None = None

    def apply(self, values: Array, kind: Kind) -> Array:
        """Return `values`, of a file of this `kind`, scaled; without `scale`, unchanged."""
        if self.scale == "unit":
            return values.astype(np.float32) / _FULL
        if self.scale == "signed":
            if kind == "recording":
                return values
            if values.dtype == np.int16:
                return values / _SOUND
            return values.astype(np.float32) / _HALF - np.float32(1)
        if self.scale == "raw":
            return values * _SOUND if kind == "recording" else values.astype(np.float32)
        return values

    def describe(self, kind: Kind, dtype: np.dtype[Any]) -> str:
        """Return the steps as text; empty if there are none."""
        if self.function is not None:
            return str(self.function)
        sound = kind == "recording" or dtype == np.int16
        full = {"unit": "divided by 255", "signed": "divided by 127.5, minus 1"}
        if sound:
            full["signed"] = "samples from -1 to 1"
        if kind == "recording":
            full["raw"] = "samples from -32768 to 32767"
        steps = [
            "resized bilinearly to the size of the input" if self.resize else "",
            "the mean of the channels" if self.mono else "",
            "padded with silence or cut to the length of the input" if self.pad else "",
            full.get(self.scale or "", ""),
        ]
        return ", ".join(step for step in steps if step)


def parse_preprocessing(text: str | None) -> Preprocessing:
    """Return the steps that `--preprocess` names: FILE.py:FUNCTION, or names with commas.

    Raises `InputError` for an unknown name, and as `load_function` does.
    """
    if text is None:
        return Preprocessing()
    file, function = split_part(text)
    if file.suffix == ".py" or function:
        if not function:
            raise InputError(
                f"{text} does not name a function",
                where="--preprocess",
                remedy=f"give {text}:FUNCTION, a function that takes a sample and returns an input",
            )
        return Preprocessing(function=load_function(file, function))
    chosen = Preprocessing()
    for step in text.split(","):
        if step in _SCALES:
            if chosen.scale is not None:
                raise InputError(
                    f"names {chosen.scale} and {step}",
                    where="--preprocess",
                    remedy="give one of them",
                )
            chosen = replace(chosen, scale=next(name for name in _SCALES if name == step))
        elif step in _STEPS:
            chosen = replace(
                chosen,
                resize=chosen.resize or step == "resize",
                mono=chosen.mono or step == "mono",
                pad=chosen.pad or step == "pad",
            )
        else:
            raise InputError(
                f"unknown step {step!r}",
                where="--preprocess",
                remedy=f"{suggest(step, _STEPS)}; or give FILE.py:FUNCTION, your own",
            )
    return chosen


def guess_scale(limits: Range | None, kind: Kind) -> Scale | None:
    """Return the scale that makes the real values that an input of these `limits` expects.

    It is for bytes of pictures and for recordings; None if it is not clear.
    """
    if limits is None:
        return None
    low, high = limits
    if kind == "recording":
        if low >= 0:
            return None
        return "signed" if high < 2 else "raw" if high > _LOUD else None  # noqa: PLR2004 - full 1
    for scale, (least, most) in _ABOUT.items():
        margin = _CLOSE * (most - least)
        if abs(low - least) <= margin and abs(high - most) <= margin:
            return scale
    return None


def scale_of_range(low: float, high: float, kind: Kind) -> Scale | None:
    """Return the scale that gives pictures or recordings exactly this range, or None."""
    for scale, limits in _ABOUT.items():
        if limits == (low, high) and (scale == "signed" or kind == "picture"):
            return scale
    return None


def check_kind(steps: Preprocessing, kind: Kind, path: Path) -> None:
    """Raise `InputError` if one of the `steps` is for files of another kind."""
    unfit = {
        "resize": steps.resize and kind != "picture",
        "mono": steps.mono and kind != "recording",
        "pad": steps.pad and kind != "recording",
        "unit": steps.scale == "unit" and kind == "recording",
        "stored": steps.scale == "stored" and kind == "recording",
    }
    for step in (name for name, wrong in unfit.items() if wrong):
        raise InputError(
            f"{step} is not for {'an array' if kind == 'array' else f'a {kind}'}",
            where=f"--preprocess: {path}",
            remedy="leave it out",
        )
