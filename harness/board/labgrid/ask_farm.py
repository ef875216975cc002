"""Asks a coordinator for its places. gRPC is imported late: only what uses a farm needs it."""

from collections.abc import Mapping
from typing import NamedTuple

from harness.board.grpc_missing import grpc_missing
from harness.board.labgrid.farm_state import FarmState


class Farm(NamedTuple):
    """What a coordinator says: its address, its state, and the owners of reservations by token."""

    coordinator: str
    state: FarmState
    reservers: Mapping[str, str]


def ask_farm(*named: str) -> Farm:
    """Ask the coordinator at the first of the addresses that is not empty, or the default one.

    Raises `InfrastructureError` if it does not answer within a deadline.
    """
    try:
        from harness.board.labgrid import coordinator  # noqa: PLC0415 - gRPC
    except ModuleNotFoundError as error:
        raise grpc_missing(error, "harness farm") from error
    address = coordinator.chosen_address(*named)
    with coordinator.Coordinator(address) as connection:
        state = connection.synchronize()
        reservers = {each.token: each.owner for each in connection.reservations()}
    return Farm(address, state, reservers)
