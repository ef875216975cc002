"""The firmware that answers MLPerf Tiny's protocol: what the reference submissions would print."""

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.engines import registry
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError, InputError
from harness.golden import oracle
from harness.image.build import Image, Variant, build_image
from harness.image.mlperf_header import ENERGY_BAUD, mlperf_options, write_model_header
from harness.image.toolchain import find_toolchain
from harness.link.channel import Channel
from harness.link.link_client import LinkClient
from harness.model import tflite_file
from harness.model.folder import Model, find_model, load_model
from harness.model.mlperf_benchmarks import content_of, expected, payload
from harness.runs.mlperf.mlperf_client import MlperfClient
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from harness.target.target_file import Target
from tests.support import host
from tests.support.graphs import Builder
from tests.support.repository import BEHAVE, DESCRIPTION, UNDEFINED, HandMade
from tests.unit.test_virtual_firmware import on_virtual_board, virtual_board

VECTORS = 2
HZ = 16_000_000
DWT_CYCCNT = 0xE000_1004

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlperf")


@pytest.fixture(scope="module")
def target() -> Target:
    return find_target("virtual-stm32", [bundled("targets")])


def classifier(folder: Path, name: str, inputs: int, outputs: int) -> Model:
    """Make a model with a benchmark's sizes, whose outputs are probabilities."""
    b = Builder()
    source = b.activation((1, inputs), 1 / 255, -128)
    path = folder / name
    path.mkdir(exist_ok=True)
    network = b.build([source], [b.softmax(b.dense(source, outputs), beta=0.05)])
    (path / "model.tflite").write_bytes(network)
    (path / "model.toml").write_text(DESCRIPTION)
    values = np.random.default_rng(1).integers(-128, 128, (VECTORS, inputs), np.int8)
    np.savez(path / "vectors.npz", inputs=values, labels=np.arange(VECTORS) % outputs)
    return load_model(path)


def keywords(folder: Path) -> Model:
    return classifier(folder, "keywords", 490, 12)


def pictures(folder: Path) -> Model:
    return classifier(folder, "pictures", 3072, 10)


def own(folder: Path) -> Model:
    """Make a model that is no benchmark."""
    return classifier(folder, "my own", 7, 3)


def anomaly(folder: Path) -> Model:
    return find_model("anomaly", [bundled("models")])


def build(target: Target, model: Model, variant: Variant, toolchain: str = "gcc") -> Image:
    images = bundled("firmware").parent / "build" / "images"
    engine = find_engine("cmsis-nn")
    return build_image(
        target, model, engine, images, toolchain=find_toolchain(toolchain), variant=variant
    )


def cut_off(value: float) -> str:
    return f"{np.floor(value * 1000) / 1000:.3f}"


def rounded(value: float) -> str:
    return f"{value:.3f}"


@needs_gcc
@pytest.mark.parametrize(
    ("make", "says", "prints"),
    [
        (keywords, "kws01", cut_off),
        (pictures, "ic01", rounded),
        (anomaly, "anomaly", rounded),
    ],
)
def test_it_prints_what_the_reference_would(
    target: Target,
    folder: Path,
    make: Callable[[Path], Model],
    says: str,
    prints: Callable[[float], str],
) -> None:
    model = make(folder)
    image = build(target, model, "mlperf-tiny")
    network = tflite_file.parse(model.tflite, where=model.name)
    vectors = model.vectors
    answers = oracle.of_model(model, vectors, folder / "golden", print)[0][0]
    right = expected(model, vectors, answers, network)
    content = content_of(model, network)
    with on_virtual_board(image.elf) as channel:
        client = MlperfClient(channel, baud=115200)
        identity = client.detect()
        assert (identity.model, identity.mode) == (says, "performance")
        assert identity.name == f"tinyml-harness {image.build_id}"
        for values, expects in zip(vectors.inputs[:VECTORS], right[:VECTORS], strict=True):
            client.load(payload(content, values, network), "vector")
            once = client.infer(1, 0)
            assert once.values == tuple(map(prints, expects))
        # An inference may overwrite its input: the ones after it have it all the same.
        assert client.infer(2, 1).values == once.values
    assert client.retries == 0


@needs_gcc
def test_microseconds_are_ticks_of_the_clock(target: Target, folder: Path) -> None:
    """As many as of the same model in the image that is measured, and little more."""
    model = own(folder)
    with on_virtual_board(build(target, model, "mlperf-tiny").elf) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        client.load(model.vectors.inputs[0].tobytes(), "vector")
        many, few = (client.infer(count, 0).microseconds for count in (3000, 1000))
    assert many is not None
    assert few is not None
    with on_virtual_board(build(target, model, "measured").elf) as channel:
        link = LinkClient(channel, baud=115200)
        link.hello(build(target, model, "measured").build_id)
        ticks = link.infer(model.vectors.inputs[0].tobytes()).ticks
    an_inference = (many - few) / 2000 * HZ / 1e6
    assert ticks < an_inference < ticks + 200  # to copy the input, and to read the clock


@needs_gcc
def test_the_clock_goes_on_when_the_counter_wraps(target: Target, folder: Path) -> None:
    model = own(folder)
    with virtual_board(build(target, model, "mlperf-tiny").elf) as board:
        board.chip.core.reset_now()
        with open(board.line.path, "r+b", buffering=0) as port:
            client = MlperfClient(Channel(port.fileno(), name="virtual"), baud=115200)
            client.detect()
            client.load(model.vectors.inputs[0].tobytes(), "vector")
            before = client.infer(1000, 0).microseconds
            with board.chip.core.stopped():
                board.chip.core.bus.write(DWT_CYCCNT, 4, 0xFFFF_8000)
            after = client.infer(1000, 0).microseconds
            counted = board.chip.core.bus.read(DWT_CYCCNT, 4)
    assert counted < 0xFFFF_8000
    assert after == pytest.approx(before, rel=1e-3)  # a longer number is printed in between


@needs_gcc
def test_in_energy_mode_windows_lie_between_edges(target: Target, folder: Path) -> None:
    model = own(folder)
    with virtual_board(build(target, model, "mlperf-tiny-energy").elf) as board:
        core, pins, trigger = board.chip.core, board.chip.pins, board.chip.trigger
        changes: list[tuple[bool, int]] = []

        def changed(pin: str, high: bool) -> None:
            if pin == trigger:
                changes.append((high, core.clock.ticks()))

        pins.on_change = changed
        core.reset_now()
        with open(board.line.path, "r+b", buffering=0) as port:
            client = MlperfClient(Channel(port.fileno(), name="virtual"), baud=ENERGY_BAUD)
            assert client.detect().mode == "energy"
            changes.clear()
            client.load(model.vectors.inputs[0].tobytes(), "vector")
            answered = client.infer(50, 5)
    assert answered.microseconds is None
    assert [high for high, _ in changes] == [False, True, False, True]
    low = [up - down for (_, down), (_, up) in zip(changes[::2], changes[1::2], strict=True)]
    assert min(low) >= HZ // 1_000_000


@needs_gcc
@pytest.mark.parametrize(
    ("name", "behaviour", "error"),
    [
        ("no_init", BEHAVE, "the device answered `infer 1 0%`: The engine failed: status 7"),
        ("misbehaving", UNDEFINED, "took a fault: UNDEFINSTR.*\n.*execute_undefined"),
    ],
)
def test_where_the_engine_fails_there_is_no_result(
    target: Target,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    behaviour: int,
    error: str,
) -> None:
    """The device answers when it is asked for an inference, and a fault tells its registers."""
    monkeypatch.setitem(registry.ENGINES, name, HandMade(name))
    model = classifier(folder, "small", 4, 4)
    engine = find_engine(name)
    image = build_image(target, model, engine, folder / "images", variant="mlperf-tiny")
    with on_virtual_board(image.elf) as channel:
        client = MlperfClient(channel, baud=115200, locate=image.elf.locate)
        client.detect()
        client.load(bytes((behaviour, 0, 0, 0)), "vector")
        with pytest.raises(InfrastructureError, match=error):
            client.infer(1, 0)
    assert not any("m-results" in said.text for said in client.transcript)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["-DMLPERF=fast", "-DTICK_HZ=1"], "'fast' is neither performance nor energy"),
        (["-DMLPERF=energy"], "TICK_HZ: '' is not a frequency in Hz"),
        (["-DMLPERF=performance", "-DTICK_HZ=0"], "TICK_HZ: '0' is not a frequency in Hz"),
    ],
)
def test_cmake_refuses_what_is_no_option(tmp_path: Path, options: list[str], error: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        host.build_firmware(tmp_path, "identity", *options)
    assert error in " ".join(refused.value.stderr.decode().split())


def test_without_a_clock_there_are_no_timestamps() -> None:
    without = find_target("qemu-stm32", [bundled("targets")])
    without = msgspec.structs.replace(without, clock=None)
    with pytest.raises(
        InputError, match=r"clock\.hz: the protocol's timestamps are in microseconds"
    ):
        mlperf_options(without, energy=False)


def test_the_frequency_is_the_counters(target: Target) -> None:
    assert mlperf_options(target, energy=False) == {"MLPERF": "performance", "TICK_HZ": str(HZ)}
    assert mlperf_options(target, energy=True)["BAUD"] == "9600"
    m7 = find_target("qemu-m7", [bundled("targets")])
    assert mlperf_options(m7, energy=False)["TICK_HZ"] == "25000000"


@pytest.mark.parametrize("name", ['"', "\\", "]", "a\nb", "ü"])
def test_a_name_that_no_line_holds_is_refused(folder: Path, name: str) -> None:
    assert '#define MLPERF_MODEL "my own"' in write_model_header(own(folder), folder).read_text()
    with pytest.raises(InputError, match="cannot transmit"):
        write_model_header(dataclasses.replace(own(folder), name=name), folder)


def test_the_protocol_has_one_input(folder: Path) -> None:
    b = Builder()
    sources = [b.activation((1, 3), 0.1, 0), b.activation((1, 3), 0.1, 0)]
    model = own(folder)
    network = b.build(sources, [b.add(*sources)])
    with pytest.raises(InputError, match="has 2 inputs and 1 output"):
        write_model_header(dataclasses.replace(model, tflite=network), folder)
