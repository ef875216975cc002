"""Records: one JSON file a run, the truth that everything later is computed from."""

import os
import platform
import secrets
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from harness import __version__
from harness.board.reach import Feed
from harness.errors import InfrastructureError, InputError
from harness.measure import latency
from harness.measure.cycles.estimate import Estimate
from harness.measure.energy import estimate_energy
from harness.measure.instructions import of_ticks
from harness.measure.layers import LayerDifference
from harness.measure.memory import MemoryUse, memory_use
from harness.measure.meters.session import Metered
from harness.measure.number import Kind, Number
from harness.measure.quality import Metric
from harness.profile import LayerProfile, Profile
from harness.results.checkout import branch_of, git
from harness.results.rules import BrokenRuleError, check
from harness.run import Run
from harness.target import Qemu

SCHEMA = 1
_LARGEST = 64 << 20  # bytes of a file

# Rules that are read with the keys; those over several keys are in `rules`.
Name = Annotated[str, Meta(min_length=1, pattern=r"\A[^\x00]*\Z")]
Text = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")]  # PostgreSQL has no NUL
Count = Annotated[int, Meta(ge=0)]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class _Schema(msgspec.Struct, frozen=True):
    """What every record has said and will say; the rest may differ from version to version."""

    schema: int


class TargetInfo(msgspec.Struct, frozen=True):
    """What ran it: target, chip, and the emulator or board with its version."""

    name: Name
    mcu: str
    core: Name
    board: str
    version: str


class ModelInfo(msgspec.Struct, frozen=True):
    """What ran: SHA-256 of the network and of the vectors, what made golden, and the metric."""

    name: Name
    digest: Sha256
    vectors: Sha256
    golden_source: str
    metric: Metric = "accuracy"  # which all records are from that do not say it


class ImageInfo(msgspec.Struct, frozen=True):
    """What it was built from and with."""

    build_id: Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    engine: Name
    engine_version: str
    compiler: Text
    optimize: Text
    toolchain: Name = "gcc"  # which all records are from that do not say it


class Commit(msgspec.Struct, frozen=True):
    """The repository's commit; `dirty` if files differed from it.

    `branch` is empty where none is checked out. `time` is when it was committed, ISO 8601
    with the zone; empty in records that do not say it.
    """

    hash: Annotated[str, Meta(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})\Z")]
    dirty: bool
    branch: Text = ""
    time: str = ""


class Host(msgspec.Struct, frozen=True):
    """The machine that drove the run."""

    system: str
    machine: str
    python: str
    harness: str


class Conversion(msgspec.Struct, frozen=True):
    """Where instructions were computed from ticks: the counter's Hz, 2^shift ns each."""

    counter_hz: int
    icount_shift: int


class EnergyInfo(msgspec.Struct, frozen=True):
    """How energy was measured: the numbers mean nothing without it.

    `joules` has one entry an inference, null where it was left out; `found_by` is what showed
    where inferences are, `trigger_delay_s` how much later that came than the current, and
    `clock` how much faster the host's clock was than the meter's.
    """

    meter: str
    serial: str
    firmware: str
    virtual: bool
    volts: float
    hz: float
    found_by: str
    trigger_delay_s: float
    clock: float
    samples: int
    missing: int
    corrupt: int
    left_out: int
    joules: list[float | None]
    note: str = ""


class Record(msgspec.Struct, frozen=True):
    """One run. `numbers` are by name; `ticks` has one entry an inference."""

    schema: int
    id: Annotated[str, Meta(pattern=r"\A[^./\x00-\x1f][^/\x00-\x1f]*\Z")]  # a file's name
    started: str
    verdict: Literal["passed", "failed"]
    reasons: list[str]
    target: TargetInfo
    model: ModelInfo
    image: ImageInfo
    commit: Commit | None
    host: Host
    numbers: dict[Annotated[str, Meta(pattern=r"\A[!-~]{1,200}\Z")], Number]
    counter: str
    ticks: list[Count]
    retries: Count
    log: list[str]
    feed: Feed = "serial"  # which all records are from that do not say it
    divergence: LayerDifference | None = None
    unestimated: str = ""  # why no cycles are estimated
    conversion: Conversion | None = None  # the counter's ticks are as they came
    layers: list[LayerProfile] = []  # of vector 0, if they were asked for
    energy: EnergyInfo | None = None  # no meter measured
    memory: MemoryUse | None = None  # which all records have but the first ones


def record_of(run: Run, root: Path) -> Record:
    """Return the record of `run`, made in the repository at `root`."""
    now = datetime.now(UTC)
    reasons = run.failures()
    name = f"{now:%Y%m%dT%H%M%S}-{run.target.name}-{run.model.name}-{run.image.engine}"
    return Record(
        schema=SCHEMA,
        id=f"{name}-{secrets.token_hex(3)}",
        started=now.isoformat(timespec="seconds"),
        verdict="failed" if reasons else "passed",
        reasons=reasons,
        target=TargetInfo(
            name=run.target.name,
            mcu=run.target.mcu.name,
            core=run.target.mcu.core,
            board=str(run.target.board.__struct_config__.tag),
            version=run.board_version,
        ),
        model=ModelInfo(
            name=run.model.name,
            digest=run.model.digest,
            vectors=run.vectors.digest,
            golden_source=run.golden_source,
            metric=run.model.metric,
        ),
        image=ImageInfo(
            build_id=run.image.build_id,
            engine=run.image.engine,
            engine_version=run.image.engine_version,
            compiler=run.image.toolchain.version,
            optimize=run.image.toolchain.opt,
            toolchain=run.image.toolchain.name,
        ),
        commit=_commit(root),
        host=Host(platform.system(), platform.machine(), platform.python_version(), __version__),
        numbers=_numbers(run),
        counter=run.welcome.counter,
        ticks=run.ticks.tolist(),
        retries=run.retries,
        log=list(run.log),
        feed=run.feed,
        divergence=run.divergence,
        unestimated=run.unestimated,
        conversion=_conversion(run),
        layers=list(run.profile.layers) if run.profile else [],
        energy=_energy(run.metered),
        memory=memory_use(run.image.elf),
    )


def write_record(record: Record, folder: Path) -> Path:
    """Write `record` to a file of its own in `folder` and return its path.

    The file appears whole or not at all, whatever ends the process meanwhile.
    """
    path = folder / f"{record.id}.json"
    partial = folder / f".{record.id}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record), indent=1))
            file.write(b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(folder)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InfrastructureError(
            f"the record cannot be written: {error.strerror}", where=str(path)
        ) from error
    return path


def _sync(folder: Path) -> None:
    """Have the disk keep the names in `folder`, where its file system can be told to."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_record(path: Path) -> Record:
    """Read the record in a file of its name.

    Raises `InputError` if the file is none, is of another schema version, or breaks a rule.
    """
    return read_file(path)[0]


def read_file(path: Path) -> tuple[Record, bytes]:
    """Read a record as `read_record` does, and return it with the JSON it is from."""
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise InputError("is no file of a record's size", where=str(path))
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    record = parse_record(data, str(path))
    if path.name != f"{record.id}.json":
        raise InputError(f"id is {record.id!r}, which is not the file's name", where=str(path))
    return record, data


def parse_record(data: bytes, where: str) -> Record:
    """Return the record whose JSON `data` is; raises `InputError`, as `read_record` does."""
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema != SCHEMA:
            raise InputError(
                f"has schema version {schema}; this harness reads {SCHEMA}", where=where
            )
        record = msgspec.json.decode(data, type=Record)
        check(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BrokenRuleError) as error:
        raise InputError(f"is not a record: {error}", where=where) from error
    return record


def _conversion(run: Run) -> Conversion | None:
    hz, board = run.target.counter.hz, run.target.board
    return Conversion(hz, board.icount_shift) if hz and isinstance(board, Qemu) else None


def _energy(metered: Metered | None) -> EnergyInfo | None:
    if metered is None:
        return None
    energy, identity = metered.energy, metered.identity
    return EnergyInfo(
        meter=identity.name,
        serial=identity.serial,
        firmware=identity.firmware,
        virtual=identity.virtual,
        volts=round(energy.volts, 4),
        hz=energy.hz,
        found_by=energy.found_by,
        trigger_delay_s=energy.delay,
        clock=round(energy.clock, 6),
        samples=energy.samples,
        missing=energy.missing,
        corrupt=energy.corrupt,
        left_out=energy.left_out,
        joules=[None if np.isnan(joule) else float(joule) for joule in energy.joules],
        note=metered.note,
    )


def _numbers(run: Run) -> dict[str, Number]:
    metric = run.model.metric
    ticks = run.target.counter.ticks
    tick_kind: Kind = "exact" if ticks == "instructions" else "measured"
    overhead = of_ticks(run.welcome.counter_overhead, run.target.instruction_ticks)
    estimated = _estimated(run, run.estimate) if run.estimate is not None else {}
    metered = run.metered
    return {
        metric: Number(run.quality, "1", "exact"),
        f"{metric}_golden": Number(run.golden_quality, "1", "exact"),
        f"{metric}_floor": Number(run.model.floor, "1", "exact"),
        "vectors": Number(len(run.vectors), "1", "exact"),
        "bytes_differing": Number(run.bytes_differing, "byte", "exact"),
        **latency.numbers(run.ticks, run.first, run.target),
        **_layer_numbers(run.profile, tick_kind),
        "counter_overhead": Number(overhead, "1", tick_kind),
        **_memory_numbers(run),
        "wall": Number(round(run.wall, 3), "s", "measured"),
        "wall_inference": Number(round(run.inference, 3), "s", "measured"),
        **estimated,
        **(metered.energy.numbers(virtual=metered.identity.virtual) if metered else {}),
    }


def _layer_numbers(profile: Profile | None, kind: Kind) -> dict[str, Number]:
    if profile is None:
        return {}
    return {
        "layers_hook": Number(profile.hook, "1", kind),
        "layers_rest": Number(profile.rest, "1", kind),
        "layers_total": Number(profile.total, "1", kind),
    }


def _estimated(run: Run, estimate: Estimate) -> dict[str, Number]:
    """Return what the median inference takes, by vector 0's cycles an instruction.

    That is cycles, seconds and joules; where the target's clock has wait states, also the most
    that they may add.
    """
    scale = float(np.median(run.ticks)) / estimate.instructions
    model = f"{estimate.model}, zero wait states"
    kinds = {"estimated": (estimate.cycles, model, estimate.error)}
    if estimate.wait_states:
        waiting = f"{estimate.model}, {estimate.wait_states} wait states at jumps and loads"
        kinds["estimated_waiting"] = (estimate.cycles + estimate.waits, waiting, None)
    numbers = {}
    for name, (count, model, error) in kinds.items():
        value = round(count * scale)
        numbers[f"cycles_{name}"] = Number(value, "1", "estimated", model, error)
        if run.target.clock is not None:
            seconds = value / run.target.clock.hz
            numbers[f"latency_{name}"] = Number(seconds, "s", "estimated", model, error)
    if run.target.power is not None:
        cycles = numbers["cycles_estimated"]
        numbers["energy_estimated"] = estimate_energy(cycles, run.target.power)
    return numbers


def _memory_numbers(run: Run) -> dict[str, Number]:
    reserved, memory = run.welcome.stack_size, run.target.memory
    exact = {
        "flash": run.image.flash,
        "flash_left": memory.flash.size - run.image.flash,
        "ram": run.image.ram,
        "ram_left": memory.ram.size - run.image.ram,
        "arena": run.welcome.arena_size,
        "arena_least": run.image.arena_least,
        "stack_reserved": reserved,
    }
    # Measured on an emulator too: an interrupt may come when the stack is deep, or not.
    measured = {"stack": run.stack, "stack_margin": reserved - run.stack}
    return {
        **{name: Number(value, "byte", "exact") for name, value in exact.items()},
        **{name: Number(value, "byte", "measured") for name, value in measured.items()},
    }


def _commit(root: Path) -> Commit | None:
    """Return the commit checked out at `root`; None where there is no git or repository."""
    try:
        hash_, time = git(root, "log", "-1", "--format=%H %cI").split()
        dirty = bool(git(root, "status", "--porcelain", "-uno"))
        return Commit(hash_, dirty, branch_of(root), time)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
