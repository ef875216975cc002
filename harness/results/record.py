"""Records: one JSON file a run, the truth that everything later is computed from."""

import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from harness.errors import InfrastructureError, InputError
from harness.image.memory_use import MemoryUse
from harness.link.protocol import InputVia, Protocol
from harness.measure.layer_difference import LayerDifference
from harness.measure.number import Number
from harness.model.metric import Metric
from harness.results.combination import Combination
from harness.results.record_rules import BrokenRuleError, check
from harness.runs.layer_profile import LayerProfile
from harness.runs.mlperf.runner import Window

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
    """Name of the target."""
    mcu: str
    """Name of the chip."""
    core: Name
    """Core of the chip."""
    board: str
    """Kind of board: `pyocd`, `qemu`, `renode` or `virtual`."""
    version: str
    """Version of the emulator, or what identifies the board."""


class ModelInfo(msgspec.Struct, frozen=True):
    """What ran: SHA-256 of the network and of the vectors, what made golden, and the metric."""

    name: Name
    """Name of the model."""
    digest: Sha256
    """SHA-256 of the network."""
    vectors: Sha256
    """SHA-256 of the vectors."""
    golden_source: str
    """What computed golden."""
    metric: Metric = "accuracy"  # which all records are from that do not say it
    """What the quality is measured by."""


class ImageInfo(msgspec.Struct, frozen=True):
    """What it was built from and with."""

    build_id: Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    """Build ID that the firmware answers with."""
    engine: Name
    """Name of the engine."""
    engine_version: str
    """Version of the engine, or name and hash of a prebuilt ELF file."""
    compiler: Text
    """Version of the compiler."""
    optimize: Text
    """Optimization flag."""
    toolchain: Name = "gcc"  # which all records are from that do not say it
    """Name of the toolchain."""


class Commit(msgspec.Struct, frozen=True):
    """The repository's commit."""

    hash: Annotated[str, Meta(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})\Z")]
    """Hash of the commit."""
    dirty: bool
    """Whether tracked files differed from the commit."""
    branch: Text = ""
    """Name of the branch. It is empty if none is checked out."""
    time: str = ""
    """Time of the commit, ISO 8601 with the time zone. Old records leave it empty."""


class Host(msgspec.Struct, frozen=True):
    """The machine that drove the run."""

    system: str
    """Operating system."""
    machine: str
    """Architecture of the machine."""
    python: str
    """Version of Python."""
    harness: str
    """Version of the harness."""


class Conversion(msgspec.Struct, frozen=True):
    """Where instructions were computed from ticks: the counter's Hz, 2^shift ns each."""

    counter_hz: int
    """Frequency of the counter in Hz."""
    icount_shift: int
    """An instruction takes 2^`icount_shift` ns."""


class EnergyInfo(msgspec.Struct, frozen=True):
    """How energy was measured: the numbers mean nothing without it."""

    meter: str
    """Name of the meter."""
    serial: str
    """Serial number of the meter."""
    firmware: str
    """Version of the meter's firmware."""
    virtual: bool
    """Whether the meter is virtual. Then nothing was measured."""
    volts: float
    """Supply voltage in V."""
    hz: float
    """Samples per second."""
    found_by: str
    """What showed where inferences are: `trigger` or `current`."""
    trigger_delay_s: float
    """How much later the trigger came than the current, in seconds."""
    clock: float
    """How much faster the host's clock was than the meter's (1e-6: 1 µs per second)."""
    samples: int
    """Samples that the meter took."""
    missing: int
    """Samples that are missing."""
    corrupt: int
    """Samples that are corrupt."""
    left_out: int
    """Inferences without an energy."""
    joules: list[float | None]
    """Energy of each inference in J. It is null if the inference was left out."""
    note: str = ""
    """What the user wrote about the set-up."""


class Record(msgspec.Struct, frozen=True):
    """One run. `numbers` are by name; `ticks` has one entry an inference."""

    schema: int
    """Version of the schema."""
    id: Annotated[str, Meta(pattern=r"\A[^./\x00-\x1f][^/\x00-\x1f]*\Z")]  # a file's name
    """Name of the file, without its suffix."""
    started: str
    """When the run was recorded, ISO 8601 with the time zone."""
    verdict: Literal["passed", "failed"]
    """Whether the run passed."""
    reasons: list[str]
    """Why the run failed."""
    target: TargetInfo
    """What the model ran on."""
    model: ModelInfo
    """The model, its vectors, and what computed golden."""
    image: ImageInfo
    """What the image was built from and with."""
    commit: Commit | None
    """Commit of the repository. It is null outside git."""
    host: Host
    """The machine that drove the run."""
    numbers: dict[Annotated[str, Meta(pattern=r"\A[!-~]{1,200}\Z")], Number]
    """The results, by name."""
    counter: str
    """What counted the ticks, such as `dwt` or `tim2`."""
    ticks: list[Count]
    """Instructions or cycles of each inference."""
    retries: Count
    """Requests that were sent again."""
    log: list[str]
    """Lines that the device sent."""
    input_via: InputVia = "serial"  # which all records are from that do not say it
    """How inputs got into the device."""
    divergence: LayerDifference | None = None
    """The first layer that differs from golden."""
    estimate_unavailable: str = ""  # why no cycles are estimated
    """Why there are no estimated cycles."""
    profile_unavailable: str = ""  # why there are no layers, though they were asked for
    """Why there are no `layers`, although they were asked for."""
    stack_unavailable: str = ""  # why `stack` is not among the numbers
    """Why `stack` is not among the numbers."""
    conversion: Conversion | None = None  # the counter's ticks are as they came
    """How instructions were computed from the ticks. It is null if a tick is an instruction or a
    cycle.
    """
    layers: list[LayerProfile] = []  # of vector 0, if they were asked for
    """Ticks of each layer for vector 0, if they were asked for."""
    energy: EnergyInfo | None = None  # no meter measured
    """How energy was measured. It is null if there was no meter."""
    memory: MemoryUse | None = None  # which all records have but the first ones
    """Where flash and RAM go."""
    protocol: Protocol = "link"  # which all records are of that do not say it
    """Protocol between host and firmware."""
    windows: list[Window] = []  # of mlperf-tiny
    """Measurement windows of the protocol mlperf-tiny."""

    @property
    def combination(self) -> Combination:
        """What was run."""
        image = self.image
        return Combination(
            self.target.name, self.model.name, self.engine, image.toolchain, image.optimize
        )

    @property
    def engine(self) -> str:
        """What answered: the engine, and the protocol if it is another than ours.

        Runs over another protocol are of another firmware, and not compared with those of ours; so
        are those in energy mode.
        """
        engine = self.image.engine
        if self.protocol == "link":
            return engine
        energy = any(window.microseconds is None for window in self.windows)
        return f"{engine}/{self.protocol}{'-energy' * energy}"

    @property
    def differing(self) -> int:
        """What is not golden's: bytes of outputs, or printed results of mlperf-tiny."""
        what = "bytes" if self.protocol == "link" else "results"
        return int(self.numbers[f"{what}_differing"].value)


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
