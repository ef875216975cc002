"""Target files: what loads, what a person reads when one is wrong, and which one is found.

Every `tests/data/targets/invalid_<rule>.toml` differs from `valid.toml` in one thing.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.support.memory_map import Region
from harness.target.find_target import find_target, list_targets, load_target
from harness.target.target_file import Renode, Virtual

ROOT = Path(__file__).parents[2]
TARGETS = ROOT / "tests" / "data" / "targets"

# What a target file may not say: the file's name -> the key, the message, the next step.
INVALID = {
    "invalid_base_itself": ("base", "is its own base", ""),
    "invalid_base_key_unknown": ("board", "unknown key `platfrom`", "did you mean platform?"),
    "invalid_base_type": ("base", "unknown target 7", ""),
    "invalid_base_unknown": ("base", "unknown target 'renode-stm23'", "did you mean renode-stm32"),
    "invalid_baud_too_large": ("port.baud", "Expected `int` <= 12000000", ""),
    "invalid_baud_too_small": ("port.baud", "Expected `int` >= 1200", ""),
    "invalid_baud_type": ("port.baud", "Expected `int`, got `str`", ""),
    "invalid_board_key_of_another_kind": (
        "board",
        "unknown key `frequency`",
        "known: icount_shift, kind, machine, unmapped",
    ),
    "invalid_board_kind_missing": ("board", "the key `kind` is missing", ""),
    "invalid_board_kind_unknown": ("board.kind", "unknown value 'qmeu'", "did you mean qemu?"),
    "invalid_board_missing": ("", "the key `board` is missing", ""),
    "invalid_chip_id_beyond_32_bits": ("board.chip_id.value", "Expected `int` <= 4294967295", ""),
    "invalid_chip_id_flash_negative": ("board.chip_id.flash_kib", "Expected `int` >= 0", ""),
    "invalid_chip_id_value_missing": ("board.chip_id", "the key `value` is missing", ""),
    "invalid_clock_source_missing": ("clock", "the key `source` is missing", ""),
    "invalid_clock_wait_states_negative": ("clock.flash_wait_states", "Expected `int` >= 0", ""),
    "invalid_clock_zero": ("clock.hz", "Expected `int` >= 1", ""),
    "invalid_core_missing": ("mcu", "the key `core` is missing", ""),
    "invalid_core_type": ("mcu.core", "Expected `str`, got `int`", ""),
    "invalid_core_unknown": ("mcu.core", "unknown value 'cortex-m4ff'", "cortex-m4f"),
    "invalid_description_empty": ("description", "Expected `str` of length >= 1", ""),
    "invalid_description_missing": ("", "the key `description` is missing", ""),
    "invalid_empty_file": ("", "the key `description` is missing", ""),
    "invalid_hz_far_too_slow": (
        "counter.hz",
        "an instruction takes 0.001 ticks, but exact counting needs at least 2.5",
        "choose a faster counter",
    ),
    "invalid_hz_of_cycles": ("counter.hz", "is only allowed on a board of kind qemu", "remove it"),
    "invalid_hz_off_qemu": ("counter.hz", "on a board of kind qemu", "remove it"),
    "invalid_hz_too_slow": (
        "counter.hz",
        "with board.icount_shift 6 an instruction takes 1.6 ticks, but exact counting needs at "
        "least 2.5",
        "set board.icount_shift to 7",
    ),
    "invalid_hz_type": ("counter.hz", "Expected `int | null`, got `str`", ""),
    "invalid_hz_zero": ("counter.hz", "Expected `int` >= 1", ""),
    "invalid_icount_shift_negative": ("board.icount_shift", "Expected `int` >= 0", ""),
    "invalid_icount_shift_too_large": ("board.icount_shift", "Expected `int` <= 10", ""),
    "invalid_image_words_descending": ("image.words[1]", "behind the words before them", ""),
    "invalid_image_words_empty": ("image.words[0].values", "length >= 1", ""),
    "invalid_image_words_in_the_vectors": ("image.words[0]", "behind the vector table", ""),
    "invalid_image_words_outside_flash": ("image.words[0]", "must be in memory.flash", ""),
    "invalid_image_words_unaligned": ("image.words[0]", "must be a multiple of 4", ""),
    "invalid_image_write_too_wide": ("image.writes[0]", "value has more than 16 bits", ""),
    "invalid_image_write_unaligned": ("image.writes[0]", "must be a multiple of 2", ""),
    "invalid_image_write_width": ("image.writes[0].width", "64", ""),
    "invalid_key_unknown": ("", "unknown key `stakc`", "did you mean stack?"),
    "invalid_key_unknown_in_table": ("port", "unknown key `baudrate`", "did you mean baud?"),
    "invalid_machine_empty": ("board.machine", "Expected `str` of length >= 1", ""),
    "invalid_machine_missing": ("board", "the key `machine` is missing", ""),
    "invalid_memory_beyond_32_bits": ("memory.ram.size", "ends beyond 32 bits", ""),
    "invalid_memory_missing": ("", "the key `memory` is missing", ""),
    "invalid_memory_overlapping": ("memory.ram", "overlaps memory.flash", ""),
    "invalid_memory_type": ("memory.flash", "Expected a table, got `str`", ""),
    "invalid_origin_negative": ("memory.ram.origin", "Expected `int` >= 0", ""),
    "invalid_origin_unaligned": ("memory.flash", "must be multiples of 4", ""),
    "invalid_port_unknown": (
        "port.name",
        "there is no port 'stm32f44' in the firmware",
        "did you mean stm32f4",
    ),
    "invalid_port_template": ("port.name", "there is no port 'template' in the firmware", ""),
    "invalid_power_current_zero": ("power.ua_per_mhz", "Expected `float` > 0.0", ""),
    "invalid_power_source_missing": ("power", "the key `source` is missing", ""),
    "invalid_power_volts_negative": ("power.volts", "Expected `float` > 0.0", ""),
    "invalid_pyocd_frequency_too_large": ("board.frequency", "Expected `int` <= 50000000", ""),
    "invalid_pyocd_key_unknown": ("board", "unknown key `targt`", "did you mean target?"),
    "invalid_pyocd_target_missing": ("board", "the key `target` is missing", ""),
    "invalid_renode_platform_missing": ("board", "the key `platform` is missing", ""),
    "invalid_renode_platform_type": ("board.platform", "matching regex", ""),
    "invalid_renode_uart_missing": (
        "board.uart",
        "is missing: the port stm32f4 needs a serial line",
        "name the UART of the platform",
    ),
    "invalid_size_negative": ("memory.ram.size", "Expected `int` >= 1", ""),
    "invalid_size_type": ("memory.flash.size", "Expected `int`, got `str`", ""),
    "invalid_size_unaligned": ("memory.ram", "must be multiples of 4", ""),
    "invalid_size_zero": ("memory.flash.size", "Expected `int` >= 1", ""),
    "invalid_stack_too_large": ("stack", "less than memory.ram.size, 131072", ""),
    "invalid_stack_unaligned": ("stack", "must be a multiple of 8", ""),
    "invalid_stack_zero": ("stack", "Expected `int` >= 1", ""),
    "invalid_syntax": ("", "is not valid TOML", "at line 4"),
    "invalid_table_unknown": ("", "unknown key `conter`", "did you mean counter"),
    "invalid_ticks_unknown": ("counter.ticks", "unknown value 'cycle'", "did you mean cycles"),
    "invalid_virtual_chip_missing": ("board", "the key `chip` is missing", ""),
}


def message(action: Callable[[], object]) -> str:
    """Return what a person reads when `action` refuses its input."""
    with pytest.raises(InputError) as caught:
        action()
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A valid target file in a folder of its own."""
    folder = tmp_path / "targets"
    folder.mkdir()
    return Path(shutil.copy(TARGETS / "valid.toml", folder / "my-board.toml"))


# Reading


def test_a_valid_file_loads() -> None:
    target = load_target(TARGETS / "valid.toml")
    assert target.name == "valid"
    assert target.path == TARGETS / "valid.toml"
    assert target.mcu.name == "STM32F405RG"
    assert target.memory.flash == Region(0x0800_0000, 0x10_0000)
    assert target.memory.ram.end == 0x2002_0000
    assert target.stack == 4096
    assert target.counter.ticks == "instructions"


def test_what_may_be_left_out_has_a_default(file: Path) -> None:
    lines = file.read_text().splitlines()
    optional = ("stack", "baud", "icount_shift")
    file.write_text("\n".join(line for line in lines if not line.startswith(optional)))
    target = load_target(file)
    assert (target.stack, target.port.baud) == (8192, 115200)


def test_a_region_holds_its_first_byte_and_not_the_one_after_its_last() -> None:
    region = Region(0x100, 0x10)
    assert [address in region for address in (0xFF, 0x100, 0x10F, 0x110)] == [
        False,
        True,
        True,
        False,
    ]


def test_memories_may_touch(file: Path) -> None:
    file.write_text(file.read_text().replace("0x2000_0000", "0x0810_0000"))
    assert load_target(file).memory.ram.origin == load_target(file).memory.flash.end


def test_a_memory_may_end_with_the_address_space(file: Path) -> None:
    file.write_text(file.read_text().replace("0x2000_0000", "0xFFFE_0000"))
    assert load_target(file).memory.ram.end == 1 << 32


def test_over_rtt_a_platform_needs_no_uart(file: Path) -> None:
    text = (TARGETS / "invalid_renode_uart_missing.toml").read_text()
    file.write_text(text.replace('name = "stm32f4"', 'name = "generic"').replace("baud", "# baud"))
    assert load_target(file).port.over_rtt


def test_two_lines_put_a_platform_of_one_s_own_under_a_bundled_target(tmp_path: Path) -> None:
    (tmp_path / "board.repl").touch()
    file = tmp_path / "mine.toml"
    file.write_text('base = "renode-stm32"\nboard.platform = "board.repl"\n')
    target = load_target(file)
    base = find_target("renode-stm32", [ROOT / "targets"])
    assert isinstance(target.board, Renode)
    assert target.board.platform == str(tmp_path / "board.repl")
    assert target.board.uart == "usart1"
    assert (target.mcu, target.memory, target.port) == (base.mcu, base.memory, base.port)
    assert (target.name, target.path) == ("mine", file)


def test_a_platform_of_renode_s_own_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "renode-stm32"\nboard.platform = "platforms/cpus/stm32f4.repl"\n')
    board = load_target(file).board
    assert isinstance(board, Renode)
    assert board.platform == "platforms/cpus/stm32f4.repl"


def test_a_base_may_have_a_base_and_be_beside_the_file(file: Path) -> None:
    file.with_name("second.toml").write_text('base = "my-board"\nstack = 2048\n')
    third = file.with_name("third.toml")
    third.write_text('base = "second"\nport.baud = 9600\n')
    target = load_target(third)
    assert (target.stack, target.port.baud, target.port.name) == (2048, 9600, "stm32f4")


def test_a_board_of_another_kind_replaces_the_base_s(file: Path) -> None:
    other = file.with_name("other.toml")
    other.write_text('base = "my-board"\nboard = { kind = "virtual", chip = "stm32f429xi" }\n')
    assert load_target(other).board == Virtual(chip="stm32f429xi")


@pytest.mark.parametrize("name", list_targets([ROOT / "targets"]))
def test_a_bundled_target_is_valid(name: str) -> None:
    assert find_target(name, [ROOT / "targets"]).name == name


def test_every_invalid_file_has_a_test() -> None:
    assert {path.stem for path in TARGETS.glob("invalid_*.toml")} == set(INVALID)


@pytest.mark.parametrize("rule", INVALID)
def test_an_invalid_file_is_explained(rule: str) -> None:
    key, what, remedy = INVALID[rule]
    path = TARGETS / f"{rule}.toml"
    text = message(lambda: load_target(path))
    assert text.startswith(f"{path}: {key}: " if key else f"{path}: ")
    assert what in text
    assert remedy in text
    assert "field" not in text  # msgspec's words
    assert "object" not in text.lower()


def test_a_file_that_is_not_text_is_explained(file: Path) -> None:
    file.write_bytes(b'description = "caf\xe9"\n')
    assert message(lambda: load_target(file)) == (
        f"{file}: is not UTF-8 text: byte 0xe9 at offset 18\n  -> save the file as UTF-8"
    )


def test_a_hostile_file_is_explained(file: Path) -> None:
    file.write_text("a = " + "[" * 100_000)
    assert message(lambda: load_target(file)).startswith(f"{file}: is not valid TOML: ")
    file.write_text("stack = " + "9" * 10_000)
    assert message(lambda: load_target(file)).startswith(f"{file}: ")


def test_a_missing_file_and_a_folder_are_explained(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert message(lambda: load_target(missing)) == (
        f"{missing}: cannot be read: No such file or directory"
    )
    assert message(lambda: load_target(tmp_path)) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_file_without_permission_is_explained(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)  # root may read everything
    assert message(lambda: load_target(file)) == f"{file}: cannot be read: Permission denied"


# Finding


def test_the_user_s_own_target_comes_before_a_bundled_one(file: Path) -> None:
    bundled = ROOT / "targets"
    own = file.rename(file.with_name("qemu-stm32.toml"))
    found = find_target("qemu-stm32", [own.parent, bundled])
    assert (found.path, found.description) == (own, "A made-up board")
    assert find_target("qemu-stm32", [bundled]).path == bundled / "qemu-stm32.toml"
    assert list_targets([own.parent, bundled])["qemu-stm32"] == own


@pytest.mark.parametrize("prefix", ["", "./", "targets/"])
def test_a_target_is_found_by_its_path(
    file: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent.parent if prefix == "targets/" else file.parent)
    assert find_target(f"{prefix}{file.name}", []).name == "my-board"


def test_an_unknown_target_is_answered_with_near_names(file: Path) -> None:
    assert message(lambda: find_target("my-baord", [file.parent])) == (
        "unknown target 'my-baord'\n  -> did you mean my-board?"
    )
    assert message(lambda: find_target("something else", [file.parent])) == (
        "unknown target 'something else'\n  -> known: my-board"
    )
    assert message(lambda: find_target("x", [file.parent / "empty"])) == (
        "unknown target 'x'\n  -> known: none"
    )


def test_one_broken_target_does_not_hide_the_others(file: Path) -> None:
    file.with_name("broken.toml").write_text("[")
    assert find_target("my-board", [file.parent]).name == "my-board"
