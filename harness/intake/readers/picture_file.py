"""Reads pictures with Pillow, which is installed with matplotlib: PNG, JPEG and BMP."""

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.readers.picture_damage import picture_damage
from harness.support.file_kind import kind_of, remedy_for_kind
from harness.support.input_file import read_input

_MODES = {1: "L", 3: "RGB"}  # channels -> Pillow's mode
_GREY = {"1", "L", "LA"}
_WIDE = ("I", "F")  # modes with more than 8 bits begin so
_KINDS = {"empty", "a PNG image", "a JPEG image", "a BMP image"}
_AGAIN = "copy or download it again, or remove it"
_SAVE = "save it again as PNG or JPEG, with 8 bits for each channel"


def read_picture(
    path: Path, channels: int | None = None, size: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """Return the pixels of the picture `path`: uint8 [height, width, channels].

    `channels` is 1 for grey, 3 for RGB; None is 1 or 3, as in the file. With `size`,
    height and width, it is resized bilinearly. Raises `InputError` naming the file if it is another
    kind of file, damaged, or has more than 8 bits for each channel.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - Pillow is slow to import

    data = read_input(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)  # about metadata
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "BMP")) as image:
                if image.mode.startswith(_WIDE):
                    raise InputError(
                        "has more than 8 bits for each channel", where=str(path), remedy=_SAVE
                    )
                mode = _MODES[channels or (1 if image.mode in _GREY else 3)]
                pixels = image.convert(mode)
                if size is not None:
                    pixels = pixels.resize(size[::-1], Image.Resampling.BILINEAR)
                return np.asarray(pixels, np.uint8).reshape(pixels.height, pixels.width, -1)
    except UnidentifiedImageError as error:
        kind = kind_of(data)
        if kind in _KINDS:
            raise _damaged(path, data) from error
        raise InputError(
            f"is not a PNG, JPEG or BMP picture: it is {kind}",
            where=str(path),
            remedy=remedy_for_kind(data, _SAVE),
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"is too large a picture: {error}", where=str(path), remedy="make it smaller"
        ) from error
    # What Pillow's readers raise for damaged files.
    except (OSError, SyntaxError, ValueError, IndexError, EOFError, TypeError) as error:
        raise _damaged(path, data) from error


def _damaged(path: Path, data: bytes) -> InputError:
    return InputError(picture_damage(data), where=str(path), remedy=_AGAIN)
