"""The numbers in the pages: each is generated, none is old, and this machine measures the same."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import docs.numbers.block as block_module
from docs.numbers.__main__ import blocks_to_make, main, refuse_changes
from docs.numbers.block import Block
from docs.numbers.marked_block import MarkedBlock, read_blocks, write_block
from docs.numbers.registry import BLOCKS
from docs.numbers.run_blocks import VIRTUAL
from docs.numbers.significant_text import c_text, cmake_text, python_text
from docs.numbers.workbench import Workbench
from harness.engines.cmsis_nn import CmsisNN
from harness.errors import InfrastructureError
from harness.image.firmware_sources import firmware_sources
from harness.report.plain_text import shown_compiler
from harness.target.target_file import Port
from tests.support.models import ROOT

REMEDY = "run `make docs-numbers`"


@cache
def marked() -> Mapping[str, MarkedBlock]:
    return read_blocks(ROOT)


def test_every_block_has_a_page_and_a_generator() -> None:
    assert set(marked()) == set(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_no_block_is_older_than_what_it_depends_on(name: str) -> None:
    shown, block = marked()[name], BLOCKS[name]
    if block.images and shown.digest and not shown.names(frozenset({CmsisNN().version})):
        pytest.skip(f"{name} is of another engine than {CmsisNN().version}: {shown.made}")
    assert shown.digest == block.digest(ROOT), f"{shown.page} shows old numbers: {REMEDY}"


def measures_the_same(name: str) -> bool:
    """Return whether this machine has the compilers and the engine that a block names."""
    try:
        return marked()[name].names(BLOCKS[name].tools())
    except InfrastructureError:
        return False


def test_this_machine_measures_what_the_pages_show() -> None:
    """All cheap blocks are made again, with each run used for all of them."""
    bench = Workbench(ROOT)
    cheap = [name for name, block in BLOCKS.items() if block.cheap and measures_the_same(name)]
    made = {name: BLOCKS[name].make(bench) for name in cheap}
    assert made == {name: marked()[name].text for name in cheap}, REMEDY
    if not any(BLOCKS[name].images for name in cheap):
        pytest.skip("no image was built: this machine has other compilers than the pages name")


def test_blocks_agree_on_the_numbers_of_one_image() -> None:
    text = {name: block.text for name, block in marked().items()}
    row = re.search(r" digits +[\d.]+ +\d+ +([\d,]+) +([\d,]+) .*\n.* ([\d,]+)\n", text["runs"])
    assert row is not None
    instructions, flash, ram = row.groups()
    for name in ("digits", "sweep"):
        assert re.search(rf" {instructions}\b", text[name])
    for name in ("sweep", "growth"):
        assert re.search(rf" {flash} .* {ram}\b| {flash}  +{ram}\b", text[name])
    assert re.search(rf" {flash} .*\n.* {ram}\n", text["digits"])


# Which blocks are made


@pytest.fixture
def one_compiler(monkeypatch: pytest.MonkeyPatch) -> dict[str, MarkedBlock]:
    """All blocks as if they were new and of this machine, which has one compiler."""
    monkeypatch.setattr(Block, "tools", lambda block: frozenset(["cc 1"] if block.images else []))
    return {
        name: replace(block, made="Made with cc 1 at commit 1f.", digest=BLOCKS[name].digest(ROOT))
        for name, block in marked().items()
    }


def made_by_default(blocks: Mapping[str, MarkedBlock]) -> list[str]:
    return [block.name for block in blocks_to_make(blocks, [], make_all=False)]


def test_only_old_blocks_are_made(one_compiler: dict[str, MarkedBlock]) -> None:
    assert made_by_default(one_compiler) == []
    one_compiler["runs"] = replace(one_compiler["runs"], digest="0f")
    assert made_by_default(one_compiler) == ["runs"]
    assert blocks_to_make(one_compiler, ["sweep"], make_all=False) == [one_compiler["sweep"]]
    assert len(blocks_to_make(one_compiler, [], make_all=True)) == len(BLOCKS)


def test_the_numbers_of_two_compilers_are_not_mixed(one_compiler: dict[str, MarkedBlock]) -> None:
    one_compiler["sweep"] = replace(one_compiler["sweep"], made="Made with cc 2 at commit 1f.")
    assert made_by_default(one_compiler) == []
    one_compiler["runs"] = replace(one_compiler["runs"], digest="0f")
    assert made_by_default(one_compiler) == ["runs", "sweep"]


def test_a_block_that_does_not_exist_cannot_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wake"]) == 1
    assert capsys.readouterr().err == ("docs-numbers: a page or a generator is missing for wake\n")


# Marked blocks


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "README.md"
    page.write_text("# a\n\n<!-- numbers: one -->\n<!-- end numbers -->\n\nprose\n")
    return page


def test_a_block_is_written_and_read_again(page: Path) -> None:
    block = read_blocks(page.parent)["one"]
    assert block == MarkedBlock("one", page, "", "", "")
    made = f"Made with {', '.join(f'tool {n} (of a name)' for n in range(9))} at commit 1f."
    for text in ("```\na *table*\n```", "other"):
        new = replace(block, text=text, made=made, digest="0f")
        write_block(new)
        read = read_blocks(page.parent)["one"]
        assert replace(read, made=" ".join(read.made.split())) == new
        assert read.names(frozenset({"tool 3 (of a name)", "tool 8 (of a name)"}))
        assert not read.names(frozenset({"tool 3 (of a name)", "tool 10"}))
    text = page.read_text()
    assert text.startswith("# a\n\n<!-- numbers: one 0f -->\nother\n\n*Made with tool 0")
    assert text.endswith("*\n<!-- end numbers -->\n\nprose\n")
    assert max(map(len, text.split("\n"))) <= 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- numbers: two -->\n", "no partner"),
        ("<!-- end numbers -->\n", "no partner"),
        ("<!-- numbers: a x -->\n<!-- end numbers -->\n", "no partner"),
        ("<!-- numbers: one -->\n<!-- end numbers -->\n", "has a block 'one', too"),
    ],
)
def test_markers_that_do_not_fit_are_an_error(page: Path, text: str, message: str) -> None:
    page.write_text(page.read_text() + text)
    with pytest.raises(ValueError, match=message):
        read_blocks(page.parent)


# What a block depends on


def test_comments_are_no_dependency() -> None:
    c = 'int a; /* of\n two */ char *b = "/* text */"; // end\n\n  char c = \'"\';\n'
    assert c_text(c) == 'int a;   char *b = "/* text */";\nchar c = \'"\';'
    assert c_text(c) != c_text(c.replace("text", "other"))
    assert cmake_text('# all\n  # is\nset(A "#1")\n') == 'set(A "#1")'
    python = '"""One\n\ntwo."""\n\ndef f() -> str:  # why\n    """Three."""\n    return "#"\n'
    assert python_text(python) == 'def f() -> str:\n    return "#"'


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one target, one model, one source, and the firmware."""
    for name in (f"targets/{VIRTUAL}.toml", "models/anomaly", "firmware"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "source.py").write_text("a = 1\n")

    def sources(port: Port) -> dict[str, Path]:
        return {name: tmp_path / "firmware" / name for name in firmware_sources(port)}

    monkeypatch.setattr(block_module, "firmware_sources", sources)
    return tmp_path


def digest(repository: Path) -> str:
    block_module._image.cache_clear()
    block_module._model.cache_clear()
    block = Block(nothing, images=((VIRTUAL, "anomaly"),), sources=("*.py",))
    return block.digest(repository)


def nothing(bench: Workbench) -> str:
    return ""


@pytest.mark.parametrize(
    ("file", "old", "new", "ages"),
    [
        ("firmware/app/main.c", "#include", "/* why */\n#include", False),
        ("firmware/app/main.c", "#include", "int more;\n#include", True),
        ("firmware/nn/nn_kernels.h", "#include", "int more;\n#include", True),
        ("firmware/ports/stm32/port.c", "#include", "int more;\n#include", True),
        ("firmware/ports/nrf52/port.c", "#include", "int more;\n#include", False),
        ("firmware/CMakeLists.txt", '"-O2"', '"-O3"', True),
        (f"targets/{VIRTUAL}.toml", "\n", "\n# why\n", False),
        (f"targets/{VIRTUAL}.toml", "ua_per_mhz = ", "ua_per_mhz = 1", True),
        ("models/anomaly/model.toml", "quality_target = 0.86", "quality_target = 0.8", True),
        ("models/anomaly/README.md", "\n", "\nmore\n", False),
        ("source.py", "\n", "  # why\n", False),
        ("source.py", "1", "2", True),
    ],
)
def test_a_block_ages_with_what_can_change_its_numbers(
    repository: Path, file: str, old: str, new: str, ages: bool
) -> None:
    before = digest(repository)
    text = (repository / file).read_text()
    assert old in text
    (repository / file).write_text(text.replace(old, new, 1))
    assert (digest(repository) != before) == ages


def test_a_pattern_without_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"depends on gone/\*\.py, which does not exist"):
        Block(nothing, sources=("gone/*.py",)).digest(tmp_path)


def test_numbers_of_no_commit_are_refused(tmp_path: Path) -> None:
    def git(*command: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *who, *command], check=True, timeout=10)

    git("init", "--quiet")
    (tmp_path / "docs").mkdir()
    for name in ("a.c", "README.md", "docs/a.md"):
        (tmp_path / name).write_text("a\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "a")
    (tmp_path / "README.md").write_text("b\n")
    (tmp_path / "docs" / "a.md").write_text("b\n")
    refuse_changes(tmp_path)
    (tmp_path / "a.c").write_text("b\n")
    with pytest.raises(ValueError, match=r"commit these changes first(.|\n)*a\.c$"):
        refuse_changes(tmp_path)


def test_compilers_are_named_with_their_packages() -> None:
    gcc = "arm-none-eabi-gcc (Arm GNU Toolchain 13.2.rel1 (Build arm-13.7)) 13.2.1 20231009"
    assert shown_compiler(gcc) == "GNU Arm 13.2.1 (Arm GNU Toolchain 13.2.rel1 (Build arm-13.7))"
    assert (
        shown_compiler("clang version 22.1.8 (ziglang 0.17.1)") == "clang 22.1.8 (ziglang 0.17.1)"
    )
    assert shown_compiler("another 1.0") == "another 1.0"
