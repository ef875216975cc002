"""Creates the board for a target."""

from functools import partial
from importlib import import_module
from pathlib import Path

from harness.board.board import Board
from harness.board.board_options import BoardOptions, is_of_farm
from harness.board.grpc_missing import grpc_missing
from harness.board.qemu import QemuBoard
from harness.board.renode.renode_board import RenodeBoard
from harness.simulator.peripherals.uart import ALL_UARTS
from harness.support.progress import Progress
from harness.target.target_file import Labgrid, Pyocd, Qemu, Renode, Target, Virtual


def provision(target: Target, logs: Path, progress: Progress, options: BoardOptions) -> Board:
    """Return the board for `target`, not yet started; an emulator writes its log to `logs`.

    The option `--probe` selects a virtual board that runs already, instead of a new one.

    Raises `InputError` or `InfrastructureError` if the board or its emulator is missing.
    """
    with progress.step(f"starting {target.name}"):
        return _provision(target, logs, progress, options)


def _provision(target: Target, logs: Path, progress: Progress, options: BoardOptions) -> Board:
    board = target.board
    if isinstance(board, Qemu):
        return QemuBoard(target, board, logs)
    if isinstance(board, Renode):
        return RenodeBoard(target, board, logs, options.renode)
    if isinstance(board, Pyocd) and is_of_farm(target, vars(options)):
        return _of_farm(target, board, progress, options)
    if isinstance(board, Virtual) and options.probe:
        board = Pyocd(target=board.chip, chip_id=board.chip_id)
    if isinstance(board, Pyocd):
        from harness.board.pyocd.pyocd_board import PyocdBoard  # noqa: PLC0415 - pyOCD

        return PyocdBoard(target, options.override(board), progress, options.lock_timeout)
    return _simulated(target, board, progress, options)


def _of_farm(target: Target, board: Pyocd, progress: Progress, options: BoardOptions) -> Board:
    try:
        from harness.board.labgrid.labgrid_board import LabgridBoard  # noqa: PLC0415 - gRPC, pyOCD
    except ModuleNotFoundError as error:
        raise grpc_missing(error, f"target {target.name}") from error
    if not isinstance(board, Labgrid):
        # Probe and serial port are the place's, not those on this desk.
        board = Labgrid(
            target=board.target,
            pack=options.pack or board.pack,
            frequency=board.frequency,
            chip_id=board.chip_id,
            tags={} if options.place else {"chip": board.target},
            unique_id=board.unique_id,
        )
    return LabgridBoard(target, board, progress, options)


def _simulated(
    target: Target, virtual: Virtual, progress: Progress, options: BoardOptions
) -> Board:
    from harness.simulator.board_process import VirtualBoard  # noqa: PLC0415 - loads all chips

    hardware = VirtualBoard.start(
        virtual.chip,
        uart=virtual.uart or ALL_UARTS,
        boot=virtual.boot,
        meter=options.meter,
        # Both take a while, and the board has a process of its own.
        meanwhile=partial(import_module, "harness.board.simulated"),
    )
    from harness.board.simulated import SimulatedBoard  # noqa: PLC0415 - pyOCD

    return SimulatedBoard(target, virtual, hardware, progress, options)
