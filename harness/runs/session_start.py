"""The start of a session: the board runs the image, and the device answers for this model."""

from harness.board.board import Board
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.messages import Welcome
from harness.link.protocol import InputVia
from harness.model.graph import Graph
from harness.model.tensor_block import size
from harness.runs.link_session import Session
from harness.target.target_file import Target


def open_session(
    image: Image, board: Board, target: Target, network: Graph, via: InputVia
) -> Session:
    """Start `image` on `board`, and send HELLO.

    Raises `InfrastructureError` unless the answer matches `image` and `network`.
    """
    session = Session(image, board, target, via)
    _check_sizes(network, session.welcome, target.name)
    if via == "debug":
        session.check_address()
    session.keeps_state = bool(network.variables)
    session.begin_recording()
    return session


def _check_sizes(network: Graph, welcome: Welcome, where: str) -> None:
    sizes = (size(network.input_tensors), size(network.output_tensors))
    if sizes != (welcome.input_size, welcome.output_size):
        raise InfrastructureError(
            f"the device's input and output have {welcome.input_size} and {welcome.output_size} "
            f"bytes, the model's {sizes[0]} and {sizes[1]}",
            where=where,
            remedy="--model names the model of this firmware. In your own, .input_size and "
            ".output_size of link_device_t are the bytes of all input tensors and of all output "
            "tensors (docs/firmware.md)",
        )
