"""Bundles: built here, run where there is no compiler; and what is no bundle is refused."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.model.edge_impulse_export import read_export
from harness.model.folder import load_model
from harness.results.record import Record
from harness.results.record_file import read_record
from harness.runs.bundle.bundle_file import pack, unpack
from harness.runs.bundle.manifest import MANIFEST, SCHEMA, ExportEntry
from harness.runs.bundle.opened_bundle import open_bundle
from harness.runs.bundle.write_bundle import write_bundle
from harness.support import bundled_files
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Pyocd, Target
from harness.workspace import Workspace
from tests.support.bundles import (
    ELF,
    built_image,
    bundle_with,
    changed,
    files_of,
    manifest_of,
    reopened,
    run_without_compiler,
)
from tests.support.repository import Repository, make_repository, vectors

ROOT = Path(__file__).parents[2]
TARGETS = bundled_files.bundled("targets")
QEMU = shutil.which("qemu-system-arm")
needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
needs_qemu = pytest.mark.skipif(QEMU is None, reason="qemu-system-arm is not on PATH")


def target(name: str = "virtual-stm32") -> Target:
    return find_target(name, [TARGETS])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A bundle with a model of a few bytes, and an image that nobody runs."""
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        make_repository(folder, patch, None)  # type: ignore[arg-type]
        return bundle_with(target(), folder / "models" / "small", folder).read_bytes()


def opened(data: bytes, folder: Path) -> Any:
    path = folder / "a.bundle"
    path.write_bytes(data)
    return reopened(path)


def refused(data: bytes, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        opened(data, folder)
    assert caught.value.where
    assert caught.value.remedy
    return str(caught.value)


# Build here, run there


class Place(NamedTuple):
    """Where bundles were built, and a folder with nothing but them."""

    here: Repository
    there: Path
    commit: str

    def records(self, root: Path) -> dict[str, Record]:
        """Return the Records of the runs in `root` by their targets, and remove them."""
        paths = list((root / "reports" / "runs").glob("*.json"))
        records = [read_record(path) for path in paths]
        for path in paths:
            path.unlink()
        return {record.target.name: record for record in records}

    def build(self, name: str, *arguments: str) -> Path:
        path = self.there / name
        assert main(["build", "--model", "small", *arguments, "--bundle", str(path)]) == 0
        return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A repository whose vectors have no golden outputs: the build computes them."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    git = ["git", "-C", str(here), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    with pytest.MonkeyPatch.context() as patch:
        repository = make_repository(here, patch, None)  # type: ignore[arg-type]
        arrays = {name: array for name, array in vectors([0] * 6).items() if "golden" not in name}
        np.savez(here / "models" / "small" / "vectors.npz", **arrays)
        described = here / "models" / "small" / "model.toml"
        described.write_text(described.read_text().replace("0.5", "0.0"))
        for command in (["init", "-q"], ["add", "models"], ["commit", "-qm", "one"]):
            subprocess.run([*git, *command], check=True, capture_output=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True)
        yield Place(repository, there, head.stdout.decode().strip())


def compared(record: Record) -> dict[str, Any]:
    """Return what two runs of one image have in common."""
    kept: dict[str, Any] = msgspec.to_builtins(record)
    for key in ("id", "started", "session", "input_choice", "input_via", "looks", "log", "bundle"):
        del kept[key]
    for name in ("wall", "wall_inference"):
        del kept["numbers"][name]
    return kept


@needs_gcc
@needs_qemu
def test_a_record_from_a_bundle_is_as_good_as_one_from_the_sources(place: Place) -> None:
    targets = ("--target", "virtual-stm32,qemu-m4")
    place.build("small.bundle", *targets)
    assert main(["run", "--model", "small", *targets]) == ExitCode.PASSED
    done = run_without_compiler(
        place.there, "harness", "run", "--bundle", "small.bundle", programs=(Path(str(QEMU)),)
    )
    assert done.returncode == ExitCode.PASSED, done.stderr
    ours, theirs = place.records(place.here.root), place.records(place.there)
    assert ours.keys() == theirs.keys() == {"virtual-stm32", "qemu-m4"}
    for name, record in theirs.items():
        assert compared(record) == compared(ours[name])
        assert record.commit is not None
        assert record.commit.hash == place.commit
        assert ours[name].bundle is None
        assert record.bundle is not None
        assert record.bundle.machine == os.uname().nodename
        bundle = (place.there / "small.bundle").read_bytes()
        assert record.bundle.digest == hashlib.sha256(bundle).hexdigest()


@needs_gcc
@needs_qemu
def test_layers_are_timed_with_the_images_of_the_bundle(place: Place) -> None:
    place.build("layers.bundle", "--target", "qemu-m4", "--profile")
    assert main(["run", "--bundle", str(place.there / "layers.bundle"), "--profile"]) == 0
    (record,) = place.records(place.here.root).values()
    assert [layer.operator for layer in record.layers] == ["FULLY_CONNECTED"]
    bundle = reopened(place.there / "layers.bundle")
    variants = [image.variant for image in bundle.manifest.images]
    assert variants == ["measured", "traced", "profiled"]


@needs_gcc
@needs_qemu
def test_tests_run_over_a_bundle(place: Place) -> None:
    place.build("tested.bundle", "--target", "qemu-m4")
    (place.there / "test_it.py").write_text(
        "def test_it(dut, model, image):\n    dut.run().check()\n    assert image.origin\n"
    )
    words = ("pytest", "-q", "-p", "no:cacheprovider", "--bundle=tested.bundle")
    done = run_without_compiler(place.there, *words, programs=(Path(str(QEMU)),))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@needs_gcc
def test_the_same_inputs_give_the_same_bytes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the images are built anew, in another folder."""
    first = place.build("first.bundle", "--target", "qemu-m4").read_bytes()
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    assert place.build("second.bundle", "--target", "qemu-m4").read_bytes() == first


@needs_gcc
@needs_qemu
def test_another_target_needs_the_same_chip_and_memory(place: Place) -> None:
    bundle = str(place.build("one.bundle", "--target", "qemu-m4"))
    desk = (TARGETS / "qemu-m4.toml").read_text()
    (place.here.root / "desk.toml").write_text(desk)
    words = ["run", "--bundle", bundle, "--profile", "--target", "./desk.toml"]
    assert main(words) == ExitCode.PASSED
    (record,) = place.records(place.here.root).values()
    assert record.target.name == "desk"
    assert "the bundle has no profiled image of small for desk" in record.profile_unavailable
    assert "harness build --profile --bundle" in record.profile_unavailable


@needs_gcc
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--target", "virtual-nrf52840"), "are for the chip MPS2 AN386, not nRF52840"),
        (("--target", "./tight.toml"), "are built with STACK_SIZE 8192 instead of 4096"),
        (("--target", "nothing"), "unknown target 'nothing'"),
        (("--model", "digits"), "no image in the bundle has the model 'digits'"),
        (("--engine", "tflm"), "no image in the bundle has the engine 'tflm'"),
        (("--opt=-Os",), "no image in the bundle has the opt '-Os'"),
        (("--toolchain=clang",), "no image in the bundle has the toolchain 'clang'"),
        (("--elf", "a.elf"), "--elf is for images that are not in a bundle"),
        (("--protocol", "mlperf-tiny"), "mlperf-tiny does not support it"),
        (("--serial", "/dev/null"), "does not apply to qemu-m4"),
    ],
)
def test_what_does_not_fit_a_bundle_is_refused(
    place: Place, words: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(place.build("one.bundle", "--target", "qemu-m4"))
    text = (TARGETS / "qemu-m4.toml").read_text()
    (place.here.root / "tight.toml").write_text(f"stack = 4096\n{text}")
    assert main(["run", "--bundle", bundle, *words]) == ExitCode.USAGE
    assert what in capsys.readouterr().err


def test_images_for_layers_need_a_bundle(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--model", "small", "--profile"]) == ExitCode.USAGE
    assert "--profile: there is no bundle" in capsys.readouterr().err


# What a bundle holds


@pytest.mark.parametrize("name", ["anomaly", "gesture", "vowels"])
def test_a_model_is_the_same_in_a_bundle(name: str, tmp_path: Path) -> None:
    folder = bundled_files.bundled("models") / name
    model = load_model(folder)
    again = reopened(bundle_with(target(), folder, tmp_path)).model(name)
    assert again.digest == model.digest
    assert again.vectors.digest == model.vectors.digest
    assert again.vectors.all_golden is not None
    assert again.vectors.golden_source
    assert np.array_equal(again.vectors.starts, model.vectors.starts)
    for key in ("task", "metric", "quality_target", "classes", "unit", "provenance"):
        assert getattr(again, key) == getattr(model, key)


@pytest.mark.parametrize("name", sorted(path.stem for path in TARGETS.glob("*.toml")))
def test_a_target_is_the_same_in_a_bundle(name: str, small: bytes, tmp_path: Path) -> None:
    one = target(name)
    data = changed(small, lambda described, files: described.update(entry_of(one, tmp_path)))
    again = opened(data, tmp_path).target(name)
    for key in Target.__struct_fields__:
        if key not in {"path", "board"}:
            assert getattr(again, key) == getattr(one, key)
    assert type(again.board) is type(one.board)


def entry_of(one: Target, folder: Path) -> dict[str, Any]:
    """Return the targets and images of a description with this target."""
    made = folder / "targets-only"
    made.mkdir()
    model = made / "models" / "small"
    with pytest.MonkeyPatch.context() as patch:
        make_repository(made, patch, None)  # type: ignore[arg-type]
        described, _ = files_of(bundle_with(one, model, made).read_bytes())
    for entry in described["targets"].values():
        entry["files"] = {}
    return {key: described[key] for key in ("targets", "images")}


def test_files_that_the_board_needs_are_in_the_bundle(tmp_path: Path) -> None:
    """A port of one's own is compiled already; a pack and a place of one's own are not."""
    (tmp_path / "my port").mkdir()
    shutil.copy(ROOT / "firmware" / "ports" / "template" / "port.cmake", tmp_path / "my port")
    (tmp_path / "my port" / "port.c").touch()
    (tmp_path / "odd pack.pack").write_bytes(b"a pack")
    (tmp_path / "desk.toml").write_text(
        'base = "nucleo-f446re"\nport = { dir = "my port", carrier = "rtt" }\n'
        'board = { pack = "odd pack.pack" }\n'
    )
    make_model(tmp_path)
    path = bundle_with(load_target(tmp_path / "desk.toml"), tmp_path / "models/small", tmp_path)
    shutil.rmtree(tmp_path / "my port")
    (tmp_path / "odd pack.pack").unlink()
    assert str(tmp_path).encode() not in path.read_bytes()
    again = reopened(path).target("desk")
    assert isinstance(again.board, Pyocd)
    assert Path(again.board.pack).read_bytes() == b"a pack"
    assert again.port.title == "my port"


def test_the_power_switch_of_another_machine_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(
        'base = "nucleo-f446re"\nboard = { probe = "066EFF", power_cycle = "uhubctl -l 1-1" }\n'
    )
    make_model(tmp_path)
    path = bundle_with(load_target(tmp_path / "desk.toml"), tmp_path / "models/small", tmp_path)
    board = reopened(path).target("desk").board
    assert isinstance(board, Pyocd)
    assert (board.probe, board.power_cycle) == ("066EFF", "")


def make_model(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        make_repository(folder, patch, None)  # type: ignore[arg-type]


def test_an_export_is_known_by_the_digests_of_its_sources(small: bytes, tmp_path: Path) -> None:
    export = read_export(ROOT / "tests" / "data" / "export")
    entry = {key: getattr(export, key) for key in ExportEntry.__struct_fields__}

    def change(described: dict[str, Any], files: dict[str, bytes]) -> None:
        described["models"]["small"]["export"] = entry

    model = opened(changed(small, change), tmp_path).model("small")
    assert model.export is not None
    assert (model.digest, model.export.sdk) == (export.digest, export.sdk)
    shapes = [tensor.shape for tensor in export.graph.tensors]
    assert [tensor.shape for tensor in model.graph.tensors] == shapes


def test_two_models_of_one_name_need_two_bundles(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_model(tmp_path / name)
    models = [load_model(tmp_path / name / "models" / "small") for name in ("a", "b")]
    built = [built_image(target(), model, tmp_path) for model in models]
    with pytest.raises(InputError, match="cannot have two models with the name 'small'"):
        write_bundle(tmp_path / "c.bundle", built, Workspace(tmp_path), print, print)


# Bad bundles


def member_of(data: bytes, name: str) -> str:
    return next(each for each in files_of(data)[1] if each.endswith(name))


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def edit(change: Callable[[dict[str, Any], dict[str, bytes]], object]) -> Callable[[bytes], bytes]:
    return lambda data: changed(data, change)


def again(
    data: bytes, method: int = zipfile.ZIP_STORED, more: dict[str, bytes] | None = None
) -> bytes:
    described, files = files_of(data)
    members = {MANIFEST: json.dumps(described).encode()} | files | (more or {})
    return zipped(list(members.items()), method)


def with_other_content(data: bytes) -> bytes:
    described, files = files_of(data)
    files[member_of(data, ".elf")] = ELF[::-1]
    return pack(json.dumps(described).encode(), files)


BAD: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "text": (lambda _: b"hello", "is not a bundle: it is a text file"),
    "empty": (lambda _: b"", "is not a bundle: it is empty"),
    "cut": (lambda data: data[: len(data) // 2], "is cut short"),
    "another zip": (lambda _: zipped([("a.txt", b"a")]), f"it has no {MANIFEST}"),
    "damaged": (lambda data: data.replace(ELF, ELF[::-1]), "is damaged"),
    "wrong digest": (with_other_content, "does not have the SHA-256"),
    "newer": (
        edit(lambda described, _: described.update(schema=SCHEMA + 1, harness="9", more=1)),
        f"has schema {SCHEMA + 1}, of harness '9'; this harness reads up to {SCHEMA}",
    ),
    "no schema": (edit(lambda described, _: described.pop("schema")), "`schema` is missing"),
    "unknown key": (edit(lambda described, _: described.update(more=1)), "unknown key `more`"),
    "wrong type": (
        edit(lambda described, _: described["images"][0].update(arena="4")),
        "images[0].arena: Expected `int`",
    ),
    "no images": (edit(lambda described, _: described.update(images=[])), "images"),
    "not JSON": (lambda data: pack(b'"\xff', files_of(data)[1]), "is not valid JSON"),
    "deep": (lambda data: pack(b"[" * 5000, files_of(data)[1]), "is not valid JSON"),
    "a list": (lambda data: pack(b"[]", files_of(data)[1]), "Expected a table"),
    "missing": (edit(lambda _, files: files.popitem()), "is missing in the bundle"),
    "more": (lambda data: again(data, more={"extra": b"1"}), "extra: is not one of the files"),
    "above": (
        lambda data: again(data, more={"../evil": b"1"}),
        "has a file with the name '../evil'",
    ),
    "absolute": (
        lambda data: again(data, more={"/evil": b"1"}),
        "has a file with the name '/evil'",
    ),
    "hidden": (lambda data: again(data, more={"a/./b": b"1"}), "has a file with the name 'a/./b'"),
    "folder": (lambda data: again(data, more={"a/": b""}), "has a file with the name 'a/'"),
    "bomb": (
        lambda data: again(data, zipfile.ZIP_DEFLATED, {"bomb": bytes(1 << 24)}),
        "is compressed, but nothing in a bundle is",
    ),
    "model's name": (
        edit(lambda described, _: described.update(models={"../../evil": {}})),
        "models",
    ),
    "unknown model": (
        edit(lambda described, _: described["images"][0].update(model="evil")),
        "images[0].model: the bundle has no 'evil'",
    ),
    "elf elsewhere": (
        edit(lambda described, _: described["images"][0].update(elf="../../evil")),
        "images[0].elf: the bundle has no '../../evil'",
    ),
    "network elsewhere": (
        edit(lambda described, _: described["models"]["small"].update(network="/etc/passwd")),
        "models.small.network: the bundle has no '/etc/passwd'",
    ),
    "target": (
        edit(
            lambda described, _: described["targets"]["virtual-stm32"]["description"].update(
                stack=12
            )
        ),
        "stack",
    ),
    "target's file": (
        edit(
            lambda described, _: described["targets"]["virtual-stm32"].update(
                files={"pack": next(iter(described["files"]))}
            )
        ),
        "this board has no pack",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_whole_bundle_is_refused(case: str, small: bytes, tmp_path: Path) -> None:
    change, what = BAD[case]
    assert what in refused(change(small), tmp_path)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_member_twice_is_refused(small: bytes, tmp_path: Path) -> None:
    described, files = files_of(small)
    members = [(MANIFEST, json.dumps(described).encode()), *files.items()]
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped([*members, members[-1]])
    assert "more than once" in refused(data, tmp_path)


@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_byte_is_found_or_changes_nothing(
    data: st.DataObject, small: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytes"
    at = data.draw(st.integers(0, len(small) - 1))
    bad = bytearray(small)
    bad[at] = data.draw(st.integers(0, 255))
    (folder / "original").mkdir(parents=True, exist_ok=True)
    path = folder / "a.bundle"
    path.write_bytes(bad)
    try:
        bundle = open_bundle(path, Workspace(folder))
    except InputError:
        return
    unpack(small, bundle.manifest, path, folder / "original")
    for file in bundle.manifest.files:
        assert (bundle.folder / file).read_bytes() == (folder / "original" / file).read_bytes()
    path.write_bytes(small)
    assert bundle.manifest == manifest_of(path)
