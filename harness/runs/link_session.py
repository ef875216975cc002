"""Opens a session: starts an image on a board, and connects to it over the link."""

from harness.board.board import Board
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceStoppedError,
)
from harness.link.link_client import LinkClient
from harness.link.messages import Welcome
from harness.link.protocol import InputVia
from harness.model.graph import Graph
from harness.model.tensor_block import size
from harness.target.target_file import Target

_EXPLAINED = (DeviceFaultError, DeviceRefusedError, DeviceRestartedError, DeviceStoppedError)
"""Errors that already say what happened to the device; they need no diagnosis."""


def open_session(
    image: Image, board: Board, target: Target, network: Graph, input_via: InputVia
) -> tuple[LinkClient, Welcome]:
    """Start `image` on `board` and send HELLO; return the link and the device's answer.

    Raises `InfrastructureError` unless the answer matches `image` and `network`.
    """
    link = LinkClient(
        board.start(image),
        baud=target.port.baud,
        locate=image.elf.locate,
        watch=board.check,
        write=board.write_memory if input_via == "debug" else None,
    )
    try:
        welcome = link.hello(image.build_id)
    except InfrastructureError as error:
        raise with_diagnosis(error, board) from error
    _check_sizes(network, welcome, target.name)
    if input_via == "debug":
        _check_address(target, welcome)
    return link, welcome


def with_diagnosis(
    error: InfrastructureError, board: Board, which: str = ""
) -> InfrastructureError:
    """Return `error` with the board's diagnosis, and `which` vector it was; keeps its type."""
    diagnosis = "" if isinstance(error, _EXPLAINED) else board.diagnosis()
    what = "\n".join(filter(None, [error.what, diagnosis]))
    where = ": ".join(filter(None, [error.where, which]))
    return type(error)(what, where=where, remedy=error.remedy)


def _check_sizes(network: Graph, welcome: Welcome, where: str) -> None:
    sizes = (size(network.input_tensors), size(network.output_tensors))
    if sizes != (welcome.input_size, welcome.output_size):
        raise InfrastructureError(
            f"the device's input and output have {welcome.input_size} and {welcome.output_size} "
            f"bytes, the model's {sizes[0]} and {sizes[1]}",
            where=where,
        )


def _check_address(target: Target, welcome: Welcome) -> None:
    """Check that the reported input lies in RAM, before anything is written there."""
    begin, end = welcome.input_address, welcome.input_address + welcome.input_size
    ram = target.memory.ram
    if begin < ram.origin or end > ram.end:
        raise InfrastructureError(
            f"the device's input is at {begin:#010x} to {end:#010x}, outside the target's RAM, "
            f"{ram.origin:#010x} to {ram.end:#010x}",
            where=f"{target.path}: memory.ram",
            remedy="use --input-via=serial, or correct the memory map",
        )
