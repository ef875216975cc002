"""What came from outside does nothing to a terminal but appear on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.support.printable import printable, printable_lines


@given(st.text())
def test_a_printable_text_is_one_visible_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert "\n" not in shown
    assert printable(shown) == shown
    shown.encode()  # no half of a surrogate pair


@given(st.text())
def test_lines_stay_lines_and_nothing_else(text: str) -> None:
    shown = printable_lines(text)
    assert {c for c in shown if not c.isprintable()} <= {"\n"}
    assert printable_lines(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "⟨001B⟩[31mred"),
        ("\x1b]0;title\x07", "⟨001B⟩]0;title⟨0007⟩"),
        ("\x9b2J", "⟨009B⟩2J"),
        ("photo\u202egpj.exe", "photo⟨202E⟩gpj.exe"),
        ("a\u200bb\ufeff", "a⟨200B⟩b⟨FEFF⟩"),
        ("a\u3164b", "a⟨3164⟩b"),
        ("a\U000e0041", "a⟨E0041⟩"),
        ("passed\nfailed\r", "passed⟨000A⟩failed⟨000D⟩"),
        ("\udcff", "⟨DCFF⟩"),
        ("0 °C, größer, 温度", "0 °C, größer, 温度"),
    ],
)
def test_what_would_act_is_shown_as_a_code(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_colours_of_a_compiler_are_removed_and_its_columns_stay() -> None:
    text = "\x1b[01m\x1b[Kmodel.c:\x1b[m\x1b[K error\r\n\tx = 1;\n\x1b[2J"
    assert printable_lines(text) == "model.c: error\n        x = 1;\n⟨001B⟩[2J"


@given(st.text(min_size=2001))
def test_a_long_text_is_cut_in_its_middle(text: str) -> None:
    assert len(printable(text)) <= 2000 * len("⟨10FFFF⟩")
    assert "…" in printable(text)
