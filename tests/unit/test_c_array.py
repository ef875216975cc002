"""Networks in C sources."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.intake.networks.c_array import read_c_array

NETWORK = b"\x1c\0\0\0TFL3" + bytes(range(256))


def source(values: str, *, before: str = "", name: str = "g_model") -> bytes:
    return f"{before}const unsigned char {name}[] = {{{values}}};\nint {name}_len = 5;\n".encode()


def decimal(data: bytes = NETWORK) -> str:
    return ", ".join(map(str, data))


def hexadecimal(data: bytes = NETWORK) -> str:
    return ",\n  ".join(f"0x{byte:02x}" for byte in data)


SIGNED = ", ".join(str(byte - 256 if byte > 127 else byte) for byte in NETWORK)
WORDS = ", ".join(
    f"0x{int.from_bytes(NETWORK[at : at + 4], 'little'):08X}UL" for at in range(0, len(NETWORK), 4)
)
COMMENTED = decimal().replace(", ", ", /* next, } */ ", 3) + " // end }\n"
COMMENTS = "// const char old[] = {1};\n/* a[] = {2} */\n"
DIRECTIVES = "#ifdef X\n#define ALIGN(n) \\\n  a[n] = {3}\n#else\n#define Y\n#endif\n"


def array(declaration: str, values: str = hexadecimal()) -> bytes:
    return f"{declaration} = {{{values}}};\n".encode()


STYLES = {
    "hex": source(hexadecimal()),
    "decimal": source(decimal()),
    "a comma at the end": source(decimal() + ",\n"),
    "a size in brackets": array("const uint8_t g_model[ 264 ]"),
    "TFLM": array("alignas(16) const unsigned char g_model[]"),
    "attribute after": array("const uint8_t g_model[] __attribute__((aligned(4)))"),
    "macro after": array("const unsigned char g_model[] DATA_ALIGN_ATTRIBUTE"),
    "static, in a namespace": array("namespace net { static const uint8_t g_model[]") + b"}",
    "Arduino": array("const PROGMEM uint8_t g_model[] PROGMEM"),
    "comments": source(COMMENTED, before=COMMENTS),
    "directives": source(decimal(), before=DIRECTIVES),
    "signed": array("const int8_t g_model[]", SIGNED),
    "words": array("const uint32_t g_model[]", WORDS),
    "Windows lines": source(hexadecimal()).replace(b"\n", b"\r\n"),
    "a path for a name": array(r"const unsigned char .\models\model-q[]  DATA_ALIGN_ATTRIBUTE"),
    "other arrays": array("const char labels[]", "65, 66") + source(decimal()) + array("int a[3]"),
}


@pytest.mark.parametrize("style", STYLES)
def test_a_network_is_found_in_every_style(style: str) -> None:
    assert read_c_array(STYLES[style], None, where="net.h") == NETWORK


def test_what_xxd_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(NETWORK)
    try:
        run = subprocess.run(
            ["xxd", "-i", "net.tflite"], cwd=tmp_path, capture_output=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("xxd is not installed")
    assert read_c_array(run.stdout, None, where="net.h") == NETWORK


@given(st.binary(max_size=200), st.sampled_from(["{}", "0x{:x}", "0X{:02X}u", "0{:o}", "0b{:b}"]))
def test_every_byte_in_every_base(tail: bytes, written: str) -> None:
    content = NETWORK[:8] + tail
    values = ",".join(written.format(byte) for byte in content)
    assert read_c_array(source(values), None, where="net.h") == content


@given(st.text(alphabet="{}[]=,;/*#\\\n 0x1-abc\"'", max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        read_c_array(text.encode(), None, where="net.h")
    assert refused.value.where.startswith("net.h")
    assert refused.value.remedy


def test_one_of_several_networks_is_chosen_by_name() -> None:
    both = source(decimal(), name="first") + source(decimal(NETWORK + b"2"), name="second")
    assert read_c_array(both, "second", where="net.h") == NETWORK + b"2"
    with pytest.raises(InputError, match="holds 2 networks: first, second") as refused:
        read_c_array(both, None, where="net.h")
    assert refused.value.remedy == "choose one: --array first"
    with pytest.raises(InputError, match="has no array secnd") as unknown:
        read_c_array(both, "secnd", where="net.h")
    assert "second" in unknown.value.remedy


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("extern const unsigned char g_model[];", "declares g_model, but has no values", ".cc"),
        ("const char labels[] = {1, 2};", "no array holds a .tflite file: it has labels", "source"),
        ("int main(void) { return 0; }", "is text without a C array", "xxd -i"),
        ("const uint8_t m[] = {0x1c, 256};", "value 1 is '256', not an integer of 8 bits", "tool"),
        ("const uint8_t m[] = {1, 2.5};", "value 1 is '2.5'", "tool"),
        ("const uint8_t m[] = {1, SIZE};", "value 1 is 'SIZE'", "tool"),
        ("const uint8_t m[] = {09};", "value 0 is '09'", "tool"),
    ],
)
def test_a_source_without_a_network_says_what_it_has(text: str, message: str, remedy: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_c_array(text.encode(), None, where="net.h")
    assert remedy in refused.value.remedy


def test_two_arrays_of_one_name_are_refused_if_they_differ() -> None:
    either = b"#ifdef BIG\n" + source(decimal()) + b"#else\n" + source("1, 2") + b"#endif\n"
    with pytest.raises(InputError, match="defines this array twice") as refused:
        read_c_array(either, None, where="net.h")
    assert refused.value.where == "net.h: g_model"
    assert read_c_array(source(decimal()) * 2, None, where="net.h") == NETWORK


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "a b[" * 50_000, "/*" * 100_000, "= {" * 60_000, "#\\" * 60_000, "a[" * 90_000],
)
def test_the_time_for_a_text_does_not_grow_with_its_square(text: str) -> None:
    """Otherwise these texts would take minutes, and the time of a test is limited."""
    with pytest.raises(InputError, match=r"."):
        read_c_array(text.encode(), None, where="net.h")


def test_a_number_of_thousands_of_digits_is_no_value() -> None:
    with pytest.raises(InputError, match="value 0 is '1111"):
        read_c_array(source("1" * 5000), None, where="net.h")
