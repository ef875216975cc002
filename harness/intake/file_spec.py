"""What a user writes to name data: FILE, FILE:PART, or NAME=FILE for one of several inputs."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import InputError
from harness.model.bad_array import format_shape
from harness.model.graph import Tensor
from harness.support.plural import count_of
from harness.support.printable import printable
from harness.support.suggestions import suggest


def split_part(spec: str) -> tuple[Path, str]:
    """Return the file and the part of it that FILE or FILE:PART names; the part may be empty."""
    file, colon, part = spec.rpartition(":")
    if not colon or Path(spec).exists() or not file:
        return Path(spec), ""
    return Path(file), part


def check_exist(specs: Sequence[str], option: str) -> None:
    """Raise `InputError` if a file or folder of `specs`, given with `option`, is missing."""
    for spec in specs:
        named = "=" in spec and not Path(spec).exists()
        path = split_part(spec.partition("=")[2] if named else spec)[0]
        if not path.exists():
            raise InputError("does not exist", where=f"{option}: {path}", remedy="check the path")


def assign_inputs(
    specs: Sequence[str], tensors: Sequence[Tensor], network: str, option: str = "--inputs"
) -> list[str]:
    """Return the specification for each of the inputs `tensors`, in their order.

    A specification is FILE, in the order of the inputs, or NAME=FILE; `option` gave them. Raises
    `InputError` if there is not exactly one for each input.
    """
    assigned: dict[int, str] = {}
    unnamed = []
    for spec in specs:
        name, equals, file = spec.partition("=")
        if not equals or Path(spec).exists():
            unnamed.append(spec)
            continue
        position = _position(name, tensors, network, option)
        if position in assigned:
            raise InputError(f"names the input {name!r} twice", where=option)
        assigned[position] = file
    free = [position for position in range(len(tensors)) if position not in assigned]
    if len(unnamed) != len(free):
        names = ", ".join(
            f"{short_name(tensor.name)} {format_shape(tensor.shape)}" for tensor in tensors
        )
        raise InputError(
            f"is given {count_of(len(specs), 'time')}, but {network} has "
            f"{count_of(len(tensors), 'input')}: {names}",
            where=option,
            remedy=f"give {option} once for each input, in this order, or as NAME=FILE",
        )
    assigned |= dict(zip(free, unnamed, strict=True))
    return [assigned[position] for position in range(len(tensors))]


def assign_steps(specs: Sequence[str], tensors: Sequence[Tensor], network: str) -> list[str | None]:
    """Return the preprocessing of each of the inputs `tensors`, or None.

    A specification is STEPS, for all inputs without their own, or NAME=STEPS. Raises `InputError`
    if there is more than one for an input.
    """
    assigned: dict[int, str] = {}
    unnamed = [spec for spec in specs if "=" not in spec]
    for name, _, steps in (spec.partition("=") for spec in specs if "=" in spec):
        position = _position(name, tensors, network, "--preprocess")
        if position in assigned:
            raise InputError(f"names the input {name!r} twice", where="--preprocess")
        assigned[position] = steps
    if len(unnamed) > 1:
        raise InputError(
            f"is given as {unnamed[0]} and as {unnamed[1]}",
            where="--preprocess",
            remedy="join steps with commas, or give NAME=STEPS for an input",
        )
    default = unnamed[0] if unnamed else None
    return [assigned.get(position, default) for position in range(len(tensors))]


def _position(name: str, tensors: Sequence[Tensor], network: str, option: str) -> int:
    """Return the position of the input `name`, which may be short: `x` of `serving_default_x:0`."""
    for key in (lambda tensor: tensor.name, lambda tensor: short_name(tensor.name)):
        found = [position for position, tensor in enumerate(tensors) if key(tensor) == name]
        if len(found) == 1:
            return found[0]
    raise InputError(
        f"{network} has no input {name!r}",
        where=option,
        remedy=suggest(name, [short_name(tensor.name) for tensor in tensors]),
    )


def short_name(name: str) -> str:
    """Return an input's name without what TensorFlow's converter adds to it."""
    return printable(name.removeprefix("serving_default_").partition(":")[0], 80)
