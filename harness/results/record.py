"""Records: one JSON file for each run. Everything else is computed from these files."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from harness.board.device_info import DeviceInfo, Text
from harness.image.memory_record import MemoryUse
from harness.link.protocol import CarrierName, InputVia, Protocol
from harness.measure.layer_difference import LayerDifference
from harness.measure.number import Number
from harness.measure.profiled_layer import LayerProfile
from harness.measure.subset import Subset
from harness.model.metric import Metric
from harness.results.combination import Combination, of_subset
from harness.runs.mlperf.measured_window import Window
from harness.support.ci_job import LONGEST_URL, SAFE_URL
from harness.support.git_commit import Commit
from harness.support.memory_map import Load
from harness.support.printable import printable

SCHEMA = 1


# These types check single keys; `record_rules` has the rules over several keys.
Name = Annotated[str, Meta(min_length=1, pattern=r"\A[^\x00]*\Z")]
Count = Annotated[int, Meta(ge=0)]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class TargetInfo(msgspec.Struct, frozen=True):
    """What the model ran on: target, chip, and the emulator or board with its version."""

    name: Name
    """Name of the target."""
    mcu: str
    """Name of the chip."""
    core: Name
    """Core of the chip."""
    board: str
    """Kind of board: `pyocd`, `labgrid`, `qemu`, `renode` or `virtual`."""
    version: str
    """Version of the emulator, or what identifies the board."""


class ModelInfo(msgspec.Struct, frozen=True):
    """The model: SHA-256 of the network and of the vectors, source of golden, and the metric."""

    name: Name
    """Name of the model."""
    digest: Sha256
    """SHA-256 of the network."""
    vectors: Sha256
    """SHA-256 of the vectors."""
    golden_source: str
    """What computed golden."""
    metric: Metric = "accuracy"  # for records without this key
    """Metric of the quality."""


class ImageInfo(msgspec.Struct, frozen=True):
    """The image: what it was built from and with."""

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
    toolchain: Name = "gcc"  # for records without this key
    """Name of the toolchain."""


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
    """How instructions were computed from ticks: the counter's Hz, and 2^shift ns each."""

    counter_hz: int
    """Frequency of the counter in Hz."""
    icount_shift: int
    """An instruction takes 2^`icount_shift` ns."""


class EnergyInfo(msgspec.Struct, frozen=True):
    """How energy was measured. The numbers mean nothing without it."""

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
    """The signal that marks the inferences: `trigger` or `current`."""
    trigger_delay_s: float
    """Delay of the trigger after the current, in seconds."""
    clock: float
    """How much faster the host's clock is than the meter's (1e-6: 1 µs per second)."""
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
    """The user's note about the set-up."""


class BundleInfo(msgspec.Struct, frozen=True):
    """The bundle that the image came from, and the machine that ran it."""

    digest: Sha256
    """SHA-256 of the bundle."""
    harness: str
    """Version of the harness that built the image."""
    machine: Text
    """Name of the machine that ran the image."""


class Record(msgspec.Struct, frozen=True):
    """One run. `numbers` has names as keys; `ticks` has one entry for each inference."""

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
    input_via: InputVia = "serial"  # for records without this key
    """How inputs reach the device: `serial` or `debug`."""
    load: Load = "flash"  # for records without this key
    """The memory that the image was loaded to, and ran from."""
    input_choice: str = ""
    """Why inputs came this way, if `--input-via=auto` left the choice to the harness."""
    carrier: CarrierName = "serial"  # for records without this key
    """What carried the link: `serial` or `rtt`."""
    looks: list[Count] = []
    """How often the debugger read memory during each inference, in a batch at most. It is empty if
    it never did.
    """
    divergence: LayerDifference | None = None
    """The first layer that differs from golden."""
    estimate_unavailable: str = ""
    """Why there are no estimated cycles."""
    profile_unavailable: str = ""
    """Why there are no `layers`, although they were requested."""
    stack_unavailable: str = ""
    """Why `stack` is not among the numbers."""
    time_unavailable: str = ""
    """Why cycles are not converted to time."""
    unmapped: str = ""
    """Accesses that fault on a chip but not on this target, if the target file allows them."""
    conversion: Conversion | None = None
    """How instructions were computed from the ticks. It is null if a tick is an instruction or a
    cycle.
    """
    layers: list[LayerProfile] = []
    """Ticks of each layer for vector 0, if they were requested."""
    energy: EnergyInfo | None = None
    """How energy was measured. It is null if there was no meter."""
    memory: MemoryUse | None = None  # only the first records have none
    """The use of flash and RAM."""
    protocol: Protocol = "link"  # for records without this key
    """Protocol between host and firmware."""
    windows: list[Window] = []
    """Measurement windows of the protocol mlperf-tiny."""
    session: Text = ""  # for records without this key
    """The command or the pytest session that made the run. Its runs have the same value."""
    job: Annotated[str, Meta(pattern=rf"\A({SAFE_URL})?\Z", max_length=LONGEST_URL)] = ""
    """Address of the page of the CI job that made the run. It is empty outside CI."""
    subset: Subset | None = None
    """Which of the model's vectors ran. It is null if all did."""
    device: DeviceInfo | None = None
    """Which of several equal boards ran. It is null if nothing is known of it."""
    recoveries: list[str] = []
    """What was tried when the board did not answer, in this order; the last one brought it back.
    A place whose work moved to this board is named, too.
    """
    bundle: BundleInfo | None = None
    """The bundle that the image came from. It is null if the image was built for this run;
    otherwise `commit` is the commit of the build.
    """

    def __repr__(self) -> str:
        return printable(f"<Record {self.id}: {self.combination}, {self.verdict}>")

    @property
    def combination(self) -> Combination:
        """What was run."""
        image = self.image
        return Combination(
            self.target.name, self.model.name, self.engine, image.toolchain, image.optimize
        )

    @property
    def engine(self) -> str:
        """The engine, the protocol if it is not the link, and the memory if it is not flash.

        Runs over another protocol, or in energy mode, use another firmware, and code takes other
        times in RAM. They are not compared with runs over the link from flash. Nor is a run of some
        of the vectors compared with one of all: it has their number.
        """
        engine = self.image.engine
        if self.load == "ram":
            engine += "/ram"
        if self.subset is not None:
            engine += of_subset(len(self.subset.vectors), self.subset.of)
        if self.protocol == "link":
            return engine
        energy = any(window.microseconds is None for window in self.windows)
        return f"{engine}/{self.protocol}{'-energy' * energy}"

    @property
    def differing(self) -> int:
        """Number of differences from golden: output bytes, or printed results of mlperf-tiny."""
        unit = "bytes" if self.protocol == "link" else "results"
        return int(self.numbers[f"{unit}_differing"].value)
