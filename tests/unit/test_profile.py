"""Ticks a layer: what a profiled image tells, and that its layers are the whole inference."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.cli.main import main
from harness.engines import registry
from harness.engines.cmsis_nn import CmsisNN
from harness.engines.generated import Hook
from harness.errors import ExitCode, InfrastructureError
from harness.image.build import build_image
from harness.link import frame, messages
from harness.link.device_errors import DeviceRefusedError
from harness.link.messages import DeviceError, Message
from harness.measure.profiled_layer import LayerProfile
from harness.model.folder import find_model, list_models
from harness.report.profile_table import plot_profile, print_profile
from harness.runs import link_dut, link_session
from harness.runs.layer_profile import Profile, _reconcile
from harness.runs.link_dut import LinkDut
from harness.runs.link_session import Session
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Clock, Counter, Target
from harness.workspace import Workspace
from tests.support import host
from tests.support.devices import opened
from tests.support.documents import printed_document
from tests.support.graphs import Builder
from tests.support.models import ROOT
from tests.support.renode import real_renode
from tests.support.repository import Repository
from tests.support.spoilt import Spoilt, replaced
from tests.unit.test_link import (  # noqa: F401 - a fixture
    BUILD_ID,
    SIZE,
    disturbed_link,
    link,
    same,
    short_deadlines,
    started,
)

MODELS = list(list_models([ROOT / "models"]))
VECTORS = 4

emulators = pytest.mark.skipif(
    not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)

# The link


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Firmware with two layers, of which the second copies."""
    return host.build_firmware(tmp_path_factory.mktemp("profiled"), "identity", "-DPROFILE=ON")


def test_a_profile_is_of_the_last_inference(profiled: Path) -> None:
    data = os.urandom(SIZE)
    with link(profiled) as device:
        device.hello(BUILD_ID)
        result = device.infer(data)
        assert result.output == data
        first = device.profile()
        assert device.profile() == first
        assert len(first.layers) == 2
        assert 0 < sum(first.layers) < result.ticks + 10_000_000  # a host's clock


def test_a_profile_over_a_bad_line_is_whole(profiled: Path) -> None:
    generator = random.Random(1)
    bad = False

    def disturb(data: bytes) -> bytes:
        return bytes(byte ^ 4 * (bad and generator.random() < 1 / 60) for byte in data)

    with disturbed_link(profiled, disturb, disturb) as device:
        device.hello(BUILD_ID)
        device.infer(bytes(SIZE))
        told = device.profile()
        bad = True
        assert all(device.profile() == told for _ in range(20))
        assert device.retries > 0


def test_an_image_that_is_not_profiled_refuses_a_profile(tmp_path: Path) -> None:
    firmware = host.build_firmware(tmp_path, "identity")
    with link(firmware) as device:
        device.hello(BUILD_ID)
        with pytest.raises(DeviceRefusedError, match=r"UNKNOWN \(5\)"):
            device.profile()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (bytes((Message.PROFILE, 9)), DeviceError.NO_SESSION),
        (bytes((Message.PROFILE, 9, 0)), DeviceError.LENGTH),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(
    profiled: Path, request_: bytes, code: int
) -> None:
    with started(profiled) as line:
        line.settimeout(5)
        line.sendall(frame.encode(request_))
        decoder = frame.FrameDecoder()
        found: list[bytes | None] = []
        while len(found) < 2:  # BOOT, and the answer
            found += decoder.feed(line.recv(4096))
    answer = found[1]
    assert answer is not None
    assert answer[:2] == bytes((Message.ERROR, 9))
    assert messages.parse_error(answer[2:])[0] == code


@given(ticks=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=100))
def test_every_layer_s_ticks_are_its_own(ticks: list[int]) -> None:
    body = b"".join(value.to_bytes(4, "little") for value in ticks)
    told = messages.parse_ticks(body)
    assert [told.hook, *told.layers] == ticks


@given(body=st.binary(max_size=50))
def test_ticks_that_are_no_whole_numbers_are_refused(body: bytes) -> None:
    if body and len(body) % 4 == 0:
        assert len(messages.parse_ticks(body).layers) == len(body) // 4 - 1
        return
    with pytest.raises(InfrastructureError, match=f"TICKS: its body has {len(body)} bytes; "):
        messages.parse_ticks(body)


# Emulators


@contextmanager
def bundled(model_name: str, target: str | Target) -> Iterator[LinkDut]:
    """Open a session with a bundled model. Images are shared with the suite's."""
    workspace = Workspace(ROOT)
    if isinstance(target, str):
        target = find_target(target, workspace.targets)
    model = find_model(model_name, workspace.models)
    image = build_image(target, model, CmsisNN(), workspace.images)
    with opened(target, model, image, ROOT) as dut:
        yield dut


@emulators
def test_a_profile_checks_its_first_inference_by_the_stated_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it, the core may be as fast as any, and a long inference looks wrapped around."""
    seen: list[float | None] = []

    def measure(session: Session, data: bytes, which: str) -> NoReturn:
        seen.append(session.hz)
        raise InfrastructureError("enough")

    monkeypatch.setattr(Session, "measure", measure)
    monkeypatch.setattr(link_dut, "measure_clock", lambda *_: None)  # a virtual board has none
    monkeypatch.setattr(link_session, "as_counted", lambda target, _: target)  # it has no cycles
    virtual = find_target("virtual-stm32", Workspace(ROOT).targets)
    counter = msgspec.structs.replace(virtual.counter, ticks="cycles")
    target = msgspec.structs.replace(virtual, counter=counter, clock=Clock(64_000_000, "made up"))
    with (
        bundled("digits", target) as dut,
        pytest.raises(InfrastructureError, match="enough"),
    ):
        dut.profile()
    assert seen == [64e6]


def counted(dut: LinkDut) -> list[int]:
    """Return the instructions of the first vectors."""
    inputs = zip(*dut.model.vectors.all_inputs, strict=True)
    return [
        dut._ticks(dut._measure(values, ""))
        for values, _ in zip(inputs, range(VECTORS))  # noqa: B905
    ]


@emulators
@pytest.mark.parametrize("name", MODELS)
def test_layers_add_up_and_are_the_same_on_every_emulator(name: str) -> None:
    """Per inference and per layer; `LinkDut.profile` raises where they do not add up."""
    profiles, counts = [], []
    for target in ("virtual-stm32", "qemu-stm32"):
        with bundled(name, target) as dut:
            counts.append(counted(dut))
            profiles.append(dut.profile())
            infos = dut.image.layers
    assert counts[0] == counts[1]
    assert profiles[0] == profiles[1]
    profile = profiles[0]
    assert profile.measured == counts[0][0]
    assert [(layer.layer, layer.operator, layer.macs) for layer in profile.layers] == [
        (info.index, info.kind, info.macs) for info in infos
    ]
    assert profile.whole == profile.total + profile.hook * (len(infos) + 1) + profile.rest
    assert 0 <= profile.rest <= 4
    assert abs(profile.total - profile.measured) <= 4
    assert all(layer.ticks > layer.macs // 4 for layer in profile.layers)


@emulators
def test_renode_counts_the_same() -> None:
    real_renode()
    profiles, counts = [], []
    for target in ("virtual-stm32", "renode-stm32"):
        with bundled("anomaly", target) as dut:
            counts.append(counted(dut))
            profiles.append(dut.profile())
    assert counts[0] == counts[1]
    assert profiles[0] == profiles[1]


# Engines whose layers do not add up, and the command


def two_layers() -> bytes:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    return b.build([source], [b.dense(b.dense(source, 8), 4)])


@pytest.fixture
def repository(repository: Repository) -> Repository:
    repository.network(two_layers())
    repository.vectors(golden=np.zeros((2, 4), np.int8))
    return repository


def early(code: str, cmake: str) -> tuple[str, str]:
    """Mark the end of the second layer before it begins."""
    done = "    NN_LAYER_DONE(1);\n"
    head, tail = replaced(code, done, "").split("    if (l01_run() != 0)", 1)
    return f"{head}{done}    if (l01_run() != 0){tail}", cmake


def missing(code: str, cmake: str) -> tuple[str, str]:
    return replaced(code, "    NN_LAYER_DONE(1);\n", ""), cmake


@emulators
@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (early, ["the layers do not add up: ", "are outside all layers; the limit is 20"]),
        (missing, ["layer 1 (FULLY_CONNECTED) did not mark its end", "nn.h after every layer"]),
    ],
)
def test_layers_that_are_not_marked_right_are_no_profile(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, change: Any, texts: list[str]
) -> None:
    engine = Spoilt(change.__name__, change)
    monkeypatch.setitem(registry.ENGINES, engine.name, engine)
    arguments = ("--model", "small", "--engine", engine.name, "--target", "virtual-stm32")
    code, text = repository.harness("profile", *arguments)
    assert code == ExitCode.INFRASTRUCTURE
    for expected in texts:
        assert expected in text


def test_layers_that_are_not_the_measured_image_s_are_no_profile() -> None:
    target = load_target(ROOT / "targets" / "virtual-stm32.toml")
    sound = layers(6)
    _reconcile(sound, 4, Hook(), target)
    for measured in (sound.total - 45, sound.total + 45):
        with pytest.raises(InfrastructureError, match=r"measured image .* difference is 44"):
            _reconcile(replace(sound, measured=measured), 4, Hook(), target)
    cycles = msgspec.structs.replace(target, counter=Counter("cycles"))
    _reconcile(replace(sound, measured=int(sound.total * 1.015)), 4, Hook(), cycles)
    with pytest.raises(InfrastructureError, match="the layers do not add up"):
        _reconcile(replace(sound, measured=int(sound.total * 1.03)), 4, Hook(), cycles)


@emulators
def test_a_run_whose_layers_are_not_known_is_recorded_and_says_why(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Spoilt("missing", missing)
    monkeypatch.setitem(registry.ENGINES, engine.name, engine)
    arguments = ("--model", "small", "--engine", engine.name, "--target", "virtual-stm32")
    main(["run", "--profile", *arguments])
    shown = " ".join(capsys.readouterr().out.split())
    assert "no layers on virtual-stm32: virtual-stm32: layer 1 (FULLY_CONNECTED)" in shown
    (record,) = repository.records()
    assert record.layers == []
    assert "layer 1 (FULLY_CONNECTED) did not mark its end" in record.profile_unavailable


@emulators
def test_a_run_records_its_layers_if_it_is_asked_to(repository: Repository) -> None:
    arguments = ("--target", "virtual-stm32")
    repository.run("cmsis-nn", *arguments)
    (plain,) = repository.records()
    assert plain.layers == []
    assert not [name for name in plain.numbers if name.startswith("layers")]
    repository.run("cmsis-nn", "--profile", *arguments)
    (record,) = [record for record in repository.records() if record.id != plain.id]
    assert record.ticks == plain.ticks
    assert [(layer.layer, layer.operator) for layer in record.layers] == [
        (0, "FULLY_CONNECTED"),
        (1, "FULLY_CONNECTED"),
    ]
    assert [layer.macs for layer in record.layers] == [32, 32]
    total = record.numbers["layers_total"]
    assert total.value == sum(layer.ticks for layer in record.layers)
    assert abs(total.value - record.ticks[0]) <= 8
    assert {record.numbers[f"layers_{name}"].kind for name in ("hook", "rest", "total")} == {
        "exact"
    }


@emulators
def test_the_command_prints_a_table_and_draws_a_plot(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    arguments = ["profile", "--model", "small", "--target", "virtual-stm32", "--plot"]
    repository.capsys.readouterr()
    assert main([*arguments, "layers.svg"]) == ExitCode.PASSED
    shown = repository.capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "small on virtual-stm32, cmsis-nn, " in shown
    assert "exact: instructions for vector 0" in shown
    assert "1  FULLY_CONNECTED  1x4 " in shown
    plot = (repository.root / "layers.svg").read_text()
    assert "instructions (exact), " in plot
    assert "FULLY_CONNECTED 1" in plot
    assert main([*arguments, "layers.svg", "--json"]) == ExitCode.PASSED
    [profile] = printed_document(repository.capsys)["profiles"]
    assert sum(layer["ticks"] for layer in profile["layers"]) == profile["total"]
    assert profile["cycles"]["kind"] == "estimated"
    assert profile["functions"]
    code, text = repository.harness(*arguments, "layers.svg", "--target", "qemu-stm32")
    assert code == ExitCode.USAGE
    assert "one plot cannot show 2 profiles" in text


def layers(count: int) -> Profile:
    kinds = ("RESIZE_NEAREST_NEIGHBOR", "CONV_2D", "RESHAPE")
    made = [
        LayerProfile(
            index,
            kinds[index % 3],
            "a name",
            [1, 128, 128, 64],
            10**7 if index % 3 == 1 else 0,
            0 if index % 3 == 2 else 12_345_678,
        )
        for index in range(count)
    ]
    total = sum(layer.ticks for layer in made)
    return Profile(tuple(made), 21, 3, total + 21 * (count + 1) + 3, total - 5)


@pytest.mark.parametrize("unit", ["instructions", "cycles"])
def test_a_long_profile_fits_80_columns(
    unit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_profile(layers(60), "long", unit, Console(width=80))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if "CONV_2D" in line]
    assert [row[0] for row in rows] == [str(index) for index in range(1, 60, 3)]
    assert {row[3] for row in rows} == {"10,000,000"}
    assert ("exact" if unit == "instructions" else "measured") in lines[-2]
    plot_profile(layers(60), "long", unit, tmp_path / "long.png")
    assert (tmp_path / "long.png").stat().st_size > 10_000
