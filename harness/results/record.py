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
    input_via: InputVia = "serial"  # which all records are from that do not say it
    divergence: LayerDifference | None = None
    estimate_unavailable: str = ""  # why no cycles are estimated
    profile_unavailable: str = ""  # why there are no layers, though they were asked for
    stack_unavailable: str = ""  # why `stack` is not among the numbers
    conversion: Conversion | None = None  # the counter's ticks are as they came
    layers: list[LayerProfile] = []  # of vector 0, if they were asked for
    energy: EnergyInfo | None = None  # no meter measured
    memory: MemoryUse | None = None  # which all records have but the first ones
    protocol: Protocol = "link"  # which all records are of that do not say it
    windows: list[Window] = []  # of mlperf-tiny

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
