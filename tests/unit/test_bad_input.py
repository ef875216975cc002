"""What a person reads, and what is left behind, when an input is wrong or a device fails.

Through the `harness` command, in a repository made for each test. Devices that fail run
the firmware of tests/data/firmware, on the emulator.
"""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli.main import main
from harness.engines import registry
from harness.errors import ExitCode, InputError
from harness.image import toolchain
from harness.image.toolchain import find_gcc
from harness.link import exchange, link_client
from harness.link.link_client import LinkClient
from harness.model.tflite_file import parse
from harness.results.store.store import Store
from harness.support.checked_cache import seal
from tests.support.graphs import Builder
from tests.support.repository import (
    BEHAVE,
    FAIL,
    HANG,
    LOCK_UP,
    OVERFLOW,
    READ_UNMAPPED,
    RESTART,
    UNDEFINED,
    Repository,
    dense,
    line_of,
    make_repository,
    vectors,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    """A repository in which nothing was built yet."""
    return make_repository(tmp_path, monkeypatch, capsys)


@pytest.fixture
def compiler() -> None:
    """What builds images is there."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not on PATH: see `make system`")


@pytest.fixture
def emulator() -> None:
    """What runs images is there."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not on PATH: see `make system`")


@pytest.fixture
def repository(compiler: None, emulator: None, empty: Repository, built: Path) -> Repository:
    """A repository with images, whose devices can be started."""
    (empty.root / "build").mkdir()
    (empty.root / "build" / "images").symlink_to(built)
    return empty


def test_the_repository_of_these_tests_is_sound(repository: Repository) -> None:
    assert repository.run() == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.verdict == "passed"
    assert repository.processes() == []


# Names and files


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("--target", "qemu-stm23"),
            "harness: unknown target 'qemu-stm23'\n  -> did you mean qemu-stm32",
        ),
        (("--model", "smal"), "harness: unknown model 'smal'\n  -> did you mean small?\n"),
        (
            ("--engine", "cmsisnn"),
            "harness: unknown engine 'cmsisnn'\n  -> did you mean cmsis-nn?\n",
        ),
        (
            ("--toolchain", "clnag"),
            "harness: unknown toolchain 'clnag'\n  -> did you mean clang?\n",
        ),
        (
            ("--model", "./nowhere"),
            "harness: nowhere: no such model folder\n  -> give a folder that holds model.toml\n",
        ),
        (
            ("--target", "./nowhere.toml"),
            "harness: nowhere.toml: cannot be read: No such file or directory\n",
        ),
    ],
)
@pytest.mark.parametrize("command", ["run", "build"])
def test_an_unknown_name_is_refused_before_anything_is_built(
    empty: Repository, command: str, arguments: tuple[str, str], text: str
) -> None:
    code, shown = empty.harness(command, *arguments)
    assert code == ExitCode.USAGE
    assert shown.startswith(text)
    assert not (empty.root / "build").exists()


def test_one_unknown_name_among_good_ones_stops_all(empty: Repository) -> None:
    code, text = empty.run("misbehaving", "--target", "qemu-stm32", "--target", "nonsense")
    assert code == ExitCode.USAGE
    assert "unknown target 'nonsense'" in text
    assert not (empty.root / "build").exists()


def test_a_malformed_target_is_named(empty: Repository) -> None:
    path = empty.target("mine")
    path.write_text(path.read_text().replace("[memory]", "[memory"))
    code, text = empty.run("misbehaving", "--target", "mine")
    assert code == ExitCode.USAGE
    assert text.startswith(f"harness: {path}: is not valid TOML: ")


def test_an_incomplete_target_is_named(empty: Repository) -> None:
    path = empty.target("mine")
    path.write_text(path.read_text().replace('counter = { ticks = "instructions" }\n', ""))
    assert empty.run("misbehaving", "--target", "mine") == (
        ExitCode.USAGE,
        f"harness: {path}: the key `counter` is missing\n",
    )


# Networks


def float_network() -> bytes:
    b = Builder()
    source, result = (b.tensor((1, 4), dtype=np.float32, name=name) for name in ("in", "out"))
    b.operator("GELU", [source], [result], "GeluOptions")
    return b.build([source], [result])


def network_with(kind: str) -> bytes:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    middle, result = b.dense(source, 4), b.tensor((1, 4), scale=0.1, zero_point=0, name="squashed")
    b.operator(kind, [middle], [result])
    return b.build([source], [result])


DAMAGED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "cut to half": (
        lambda: dense()[: len(dense()) // 2],
        " bytes, but the file has ",
        "download it again",
    ),
    "cut to four bytes": (lambda: dense()[:4], "the identifier TFL3 is missing", "TensorFlow Lite"),
    "random": (
        lambda: np.random.default_rng(1).bytes(5000),
        "is not a .tflite file: the identifier TFL3 is missing",
        "give a file from the converter of LiteRT (TensorFlow Lite)",
    ),
    "random behind a header": (
        lambda: dense()[:8] + np.random.default_rng(2).bytes(5000),
        "",
        "convert or download it again",
    ),
    "float": (
        float_network,
        "computes with floats in layers where TFLM does not: GELU",
        "convert it to full-integer int8, with these lines:",
    ),
    "unknown operator": (
        lambda: network_with("SEGMENT_SUM"),
        "layer 1 (SEGMENT_SUM, 'squashed'): the operator is not supported by engine cmsis-nn",
        "replace the layer in the model by operators that the engine has",
    ),
    "custom operator": (
        lambda: network_with("MyOwn"),
        "layer 1 (CUSTOM:MyOwn, ",
        "allow_custom_ops",
    ),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_network_that_cannot_be_used_is_explained(
    compiler: None, empty: Repository, what: str
) -> None:
    make, complaint, remedy = DAMAGED[what]
    path = empty.network(make())
    code, text = empty.run("cmsis-nn")
    assert code == ExitCode.USAGE
    assert text.startswith(f"harness: {path}: ")
    assert complaint in text
    assert remedy in text.split("\n  -> ")[1]
    assert empty.images() == []
    assert empty.records() == []


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_in_a_network_is_an_input_error_at_the_worst(
    tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    engine = registry.find_engine("cmsis-nn")
    for _ in range(40):
        data = bytearray(dense())
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        with suppress(InputError):
            engine.generate(parse(bytes(data), where="model"), tmp_path, core="cortex-m4f")


# Memory


@pytest.mark.parametrize(
    ("region", "size", "stack", "remedy"),
    [
        ("flash", 4096, 512, ", or build with --opt=-Os"),
        ("ram", 4096, 2048, ""),  # too much is missing for a smaller stack
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    compiler: None, empty: Repository, region: str, size: int, stack: int, remedy: str
) -> None:
    path = empty.target("tiny", **{region: size, "stack": stack})
    code, text = empty.run("cmsis-nn", "--target", "tiny")
    assert code == ExitCode.USAGE
    assert text.startswith(
        f"harness: {path}: memory.{region}: the model is too large: the image is "
    )
    assert f"bytes larger than the {size:,} bytes of {region}\n" in text
    advice = text.split("  -> choose a smaller model or a target with more memory")[1]
    assert advice.startswith(remedy)
    assert ("-Os" in advice) == (region == "flash")
    assert empty.images() == []
    assert empty.records() == []


def test_where_less_stack_is_enough_the_message_says_how_much(
    compiler: None, empty: Repository
) -> None:
    path = empty.target("tiny", ram=8192, stack=8000)
    text = empty.run("cmsis-nn", "--target", "tiny")[1]
    assert "-Os" not in text
    line = text.split("or reserve less stack: ")[1].removesuffix(" in a target file, now 8000\n")
    path.write_text(path.read_text().replace("stack = 8000", line))
    assert empty.harness("build", "--model", "small", "--target", "tiny") == (ExitCode.PASSED, "")


def test_by_how_many_bytes_it_does_not_fit_is_exact(compiler: None, empty: Repository) -> None:
    """As many bytes more, and it fits."""
    path = empty.target("tiny", flash=4096)
    text = empty.run("cmsis-nn", "--target", "tiny")[1]
    missing = int(text.split("the image is ")[1].split()[0].replace(",", ""))
    path.write_text(path.read_text().replace("size = 4096", f"size = {4096 + missing + 3 & ~3}"))
    assert empty.harness("build", "--model", "small", "--target", "tiny") == (ExitCode.PASSED, "")


# Vectors

BAD_VECTORS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "shape": (
        {"inputs": np.zeros((2, 2, 2), np.int8)},
        "inputs",
        "has shape [2, 2, 2], but the model's input has [1, 4]",
        "store it as [2, 4]",
    ),
    "dtype": (
        {"inputs": np.zeros((2, 4), np.float32)},
        "inputs",
        "has type float32, but the model's input has int8",
        "quantize with the model's input scale and zero point",
    ),
    "none": (
        {"inputs": np.zeros((0, 4), np.int8), "labels": np.zeros(0, np.int64)},
        "inputs",
        "holds no vectors",
        "store at least one",
    ),
    "label": (
        {"labels": np.array([1, 4])},
        "labels",
        "vector 1 has label 4, but the model has 4 classes",
        "count classes from 0 to 3",
    ),
    "golden": (
        {"golden": np.zeros((2, 3), np.int8)},
        "golden",
        "has shape [2, 3], but the model's output has [1, 4]",
        "store it as [2, 4]",
    ),
}


@pytest.mark.parametrize("what", BAD_VECTORS)
def test_vectors_that_do_not_fit_are_explained(repository: Repository, what: str) -> None:
    changed, array, complaint, remedy = BAD_VECTORS[what]
    path = repository.vectors(**changed)
    code, text = repository.run()
    assert code == ExitCode.USAGE
    assert text.startswith(f"harness: {path}: {array}: {complaint}\n  -> {remedy}")
    assert repository.records() == []
    assert repository.processes() == []


# Tools


def test_a_missing_compiler_is_explained(
    empty: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("harness.image.toolchain._zig", lambda: None, raising=False)
    find_gcc.cache_clear()
    code, text = empty.run("cmsis-nn")
    assert code == ExitCode.INFRASTRUCTURE
    assert text.startswith("harness: arm-none-eabi-gcc is not on PATH\n")
    assert "apt install gcc-arm-none-eabi" in text


def test_a_compiler_that_does_not_run_is_explained(
    empty: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "arm-none-eabi-gcc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("harness.image.toolchain._zig", lambda: None)
    find_gcc.cache_clear()
    code, text = empty.run("cmsis-nn")
    find_gcc.cache_clear()
    assert code == ExitCode.INFRASTRUCTURE
    assert text.startswith(f"harness: {broken}: does not run: ")


def test_a_missing_emulator_is_explained(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        repository.harness("build", "--model", "small", "--engine", "misbehaving")[0]
        == ExitCode.PASSED
    )
    gcc = find_gcc()
    only = tmp_path / "bin"
    only.mkdir()
    (only / gcc.compiler.name).symlink_to(gcc.compiler)
    monkeypatch.setenv("PATH", str(only))
    code, text = repository.run()
    assert code == ExitCode.INFRASTRUCTURE
    assert text.startswith("harness: qemu-system-arm is not on PATH\n  -> install QEMU: apt ")
    assert repository.records() == []


def test_a_stack_that_is_just_large_enough_is_not_trusted(repository: Repository) -> None:
    """As large as what is used of a larger one; nothing tells it from one that overflowed."""
    faces = ("run", "--model", str(ROOT / "models" / "faces"), "--target")
    assert repository.harness(*faces, "virtual-stm32")[0] == ExitCode.PASSED
    (record,) = repository.records()
    used = int(record.numbers["stack"].value)
    assert used % 8 == 0, "a stack has a multiple of 8 bytes: this needs a model that uses one"
    tight = repository.target("tight", stack=used, board='kind = "virtual", chip = "stm32f429xi"')
    assert repository.harness(*faces, str(tight))[0] == ExitCode.FAILED
    [record] = [record for record in repository.records() if record.target.name == "tight"]
    assert record.numbers["stack_margin"].value == record.numbers["bytes_differing"].value == 0
    [reason] = record.reasons
    assert reason.startswith(f"all {used:,} bytes of the stack were used")


def test_what_the_compiler_says_is_shown(
    compiler: None, empty: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "OPTS", ("-Ofaster",))
    code, text = empty.run("misbehaving", "--opt=-Ofaster")
    assert code == ExitCode.INFRASTRUCTURE
    assert text.startswith("harness: qemu-stm32: the image does not compile:\n")
    assert "argument to '-O' should be a non-negative integer" in text
    assert empty.images() == []


def test_an_emulator_that_ends_at_once_is_shown(repository: Repository) -> None:
    path = repository.target("mine", machine="nonsense")
    code, text = repository.run("misbehaving", "--target", "mine")
    assert code == ExitCode.INFRASTRUCTURE
    assert text.startswith(f"harness: {path}: board: QEMU ended at start with exit code 1\n")
    assert "unsupported machine type" in text
    assert "  -> try it in a shell: qemu-system-arm -M nonsense; " in text
    assert repository.records() == []
    assert repository.processes() == []


# Devices


FAULTS = {
    "undefined instruction": (
        UNDEFINED,
        [
            "UNDEFINSTR: undefined instruction",
            f"pc execute_undefined model.c:{line_of('udf #0')} (0x08",
            "called from nn_invoke model.c:",
        ],
    ),
    "unmapped address": (
        READ_UNMAPPED,
        [
            "PRECISERR: bus error on a data access",
            "address 0x60000000",
            f"pc read_unmapped model.c:{line_of('(void)UNMAPPED')} (0x08",
        ],
    ),
    "stack overflow": (OVERFLOW, ["stack overflow", "the stack pointer was outside the stack"]),
    "restart": (
        RESTART,
        ["the device restarted in the middle of a session", "check its power supply, watchdog"],
    ),
    "lock-up": (LOCK_UP, ["QEMU's log (", "qemu: fatal: Lockup", "R15=0800"]),
    "error of the engine": (FAIL, ["the engine: layer 2 failed"]),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_device_that_fails_is_explained_and_the_next_run_works(
    repository: Repository, what: str
) -> None:
    behaviour, texts = FAULTS[what]
    repository.answers(BEHAVE, BEHAVE, behaviour, BEHAVE)
    code, text = repository.run()
    assert code == ExitCode.INFRASTRUCTURE
    # A locked-up QEMU has ended, and with it what says how far the batch has come.
    which = r"vectors 0 to \d" if what == "lock-up" else "vector 2"
    assert re.match(rf"harness: qemu-stm32 \(QEMU's first UART\): {which}: ", text)
    for expected in texts:
        assert expected in text
    assert "Traceback" not in text
    assert repository.records() == []
    assert repository.processes() == []
    repository.answers(BEHAVE)
    assert repository.run() == (ExitCode.PASSED, "")
    assert len(repository.records()) == 1


def test_an_inference_that_does_not_end_is_explained(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_client, "RUN_DEADLINE", 0.2)
    monkeypatch.setattr(exchange, "_ANSWER_DEADLINE", 0.2)
    repository.answers(HANG)
    code, text = repository.run()
    assert code == ExitCode.INFRASTRUCTURE
    assert text.startswith("harness: qemu-stm32 (QEMU's first UART): vector 0: ")
    assert "  -> the device hangs" in text
    assert repository.records() == []
    assert repository.processes() == []


def test_a_feed_that_does_not_exist_is_a_usage_error(repository: Repository) -> None:
    assert main(["run", "--input-via", "debgu"]) == ExitCode.USAGE
    said = repository.capsys.readouterr().err
    assert "argument --input-via: 'debgu' is unknown" in said
    assert "did you mean debug?" in said


def test_a_silent_device_is_explained(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkClient, "hello", partialmethod(LinkClient.hello, deadline=2))
    code, text = repository.run("silent")
    assert code == ExitCode.INFRASTRUCTURE
    first, heard, place, remedy = text.splitlines()
    assert (
        first
        == "harness: qemu-stm32 (QEMU's first UART): the device did not answer HELLO within 2 s"
    )
    assert heard == "no byte came from it"
    assert re.fullmatch(r"the core was at nn_init model\.c:\d+ .*, called from main .*", place)
    assert remedy == "  -> does the firmware start, and is this its serial line?"
    assert repository.records() == []
    assert repository.processes() == []


def test_an_engine_that_does_not_start_is_explained(repository: Repository) -> None:
    code, text = repository.run("no_init")
    assert code == ExitCode.INFRASTRUCTURE
    assert "the engine did not start on the device: nn_init() returned 7" in text
    assert repository.records() == []


def test_another_build_on_the_device_is_refused(
    compiler: None, emulator: None, empty: Repository
) -> None:
    """An image that is not what it should be does not pass for it."""
    for firmware in ("misbehaving", "no_init"):
        code, _ = empty.harness("build", "--model", "small", "--engine", firmware)
        assert code == ExitCode.PASSED
    theirs, ours = sorted((empty.root / "build" / "images").iterdir())
    key = json.loads((ours / "digests.json").read_text())["key"]
    shutil.copy(theirs / "firmware.elf", ours)
    seal(ours, key)  # otherwise it would be built again
    code, text = empty.run("no_init")
    assert code == ExitCode.INFRASTRUCTURE
    assert f"the device runs build {theirs.name[-12:]}" in text
    assert f", but {ours.name[-12:]}" in text
    assert "did flashing succeed?" in text
    assert empty.records() == []


def test_a_firmware_for_another_model_is_refused(repository: Repository) -> None:
    repository.network(dense(inputs=8))
    code, text = repository.run()
    assert code == ExitCode.INFRASTRUCTURE
    assert "the device's input and output have 4 and 4 bytes, the model's 8 and 4" in text
    assert "\n  -> --model names the model of this firmware. In your own, .input_size and" in text
    assert repository.records() == []


# Verdicts


def test_a_model_that_is_not_right_is_recorded_as_such(repository: Repository) -> None:
    """A verdict has its own exit code and, unlike everything above, a record."""
    held = vectors([BEHAVE, BEHAVE])
    golden = held["golden"].copy()
    golden[1, 3] = 7
    repository.vectors(golden=golden, labels=np.array([0, 0]))
    code, text = repository.run()
    assert (code, text) == (ExitCode.FAILED, "")
    (record,) = repository.records()
    assert record.verdict == "failed"
    assert record.reasons == [
        "1 of 8 output bytes differ from golden (the firmware's source); "
        "first: vector 1, byte 3, 0 instead of 7",
        "the layer cannot be named: engine misbehaving does not report its layers; let it "
        "call the hook of firmware/nn/nn.h, and fill Generated.layers",
        "accuracy 0.0000 is below the quality target 0.5; golden reaches 0.0000",
    ]


def test_a_later_failure_keeps_the_earlier_record(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.target("other", machine="nonsense")
    targets = ("--target", "qemu-stm32", "--target", "other")
    assert main(["run", *targets, "--engine", "misbehaving"]) == ExitCode.INFRASTRUCTURE
    shown = capsys.readouterr()
    assert "QEMU ended at start" in shown.err
    assert "records: " in shown.out
    assert len(repository.records()) == 1


# The store


def test_a_store_that_fails_loses_no_run(repository: Repository) -> None:
    database = repository.root / "team.sqlite"
    store = ("--store", f"sqlite:///{database}")
    assert repository.run("misbehaving", *store) == (ExitCode.PASSED, "")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON runs "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    code, told = repository.run("misbehaving", *store)
    assert code == ExitCode.INFRASTRUCTURE
    assert "is not in the store\n" in told
    assert f"{database}: the store failed: the disk is full" in told
    assert "harness push" in told
    assert [record.verdict for record in repository.records()] == ["passed"] * 2
    repository.vectors(labels=np.zeros(2, np.int64))
    assert repository.run("misbehaving", *store)[0] == ExitCode.FAILED  # the verdict comes first
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TRIGGER full")
    assert repository.harness("push", *store) == (ExitCode.PASSED, "")
    with Store(store[1]) as opened:
        assert {e.id for e in opened.find()} == {record.id for record in repository.records()}


def test_a_store_is_looked_at_before_anything_runs(repository: Repository) -> None:
    assert repository.run("misbehaving", "--store", "letters")[0] == ExitCode.USAGE
    missing = f"sqlite:///{repository.root}/none/runs.sqlite"
    code, told = repository.run("misbehaving", "--store", missing)
    assert code == ExitCode.INFRASTRUCTURE
    assert told.startswith(f"harness: {repository.root}/none/runs.sqlite: the store failed: ")
    assert repository.records() == []


def test_a_store_that_is_down_from_the_start_loses_no_run(repository: Repository) -> None:
    away = "postgresql://nobody@127.0.0.1:1/runs"
    code, told = repository.run("misbehaving", "--store", away)
    assert code == ExitCode.INFRASTRUCTURE
    assert told.startswith(f"harness: {away}: the store failed: ")
    assert "  -> runs go on; the next session with the same --store" in told
    [record] = repository.records()
    assert f"{record.id}.json is not in the store\n" in told
