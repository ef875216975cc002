"""Names that are suggested for an unknown one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.support.suggestions import as_written, similar, suggest

KNOWN = ["arduino_nano_33_ble", "stm32f4", "stm32f4_discovery", "stm32f746", "virtual-stm32"]
NAMES = st.text("aAbB1-_ ", max_size=8)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("STM32F7", ["stm32f746", "stm32f4"]),
        ("nano33", ["arduino_nano_33_ble"]),
        ("Virtual-STM32", ["virtual-stm32"]),
        ("discovery", ["stm32f4_discovery"]),
        ("nonsense", []),
        ("", []),
        ("stm32f4discovry", ["stm32f4_discovery"]),
        ("a", []),  # too little to be a part of a name
    ],
)
def test_similar_names(name: str, near: list[str]) -> None:
    assert similar(name, KNOWN)[: len(near)] == near
    assert bool(similar(name, KNOWN)) == bool(near)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("vision", ["sine", "person"]),
        ("kws", ["vowels", "wine", "kernel"]),
        ("motion", ["anomaly", "monitor"]),
        ("wine", ["sine_wave", "digits"]),
    ],
)
def test_another_word_is_not_similar(name: str, known: list[str]) -> None:
    assert similar(name, known) == []


@pytest.mark.parametrize("known", ["gesture", "sine", "kws", "anomaly", "x_test", "vowels"])
def test_one_typing_error_is_similar(known: str) -> None:
    others = ["digits", "faces", known]
    swapped = [known[:i] + known[i + 1] + known[i] + known[i + 2 :] for i in range(len(known) - 1)]
    left_out = [known[:i] + known[i + 1 :] for i in range(len(known))]
    doubled = [known[:i] + known[i] + known[i:] for i in range(len(known))]
    for name in (*swapped, *left_out, *doubled):
        assert similar(name, others)[:1] == [known], name


def test_without_a_similar_name_all_are_named() -> None:
    assert suggest("nonsense", ["b", "a"]) == "known: a, b"
    assert suggest("nonsense", []) == "known: none"


@given(NAMES, st.sets(NAMES, max_size=5))
def test_a_name_in_other_letters_is_found_only_if_it_is_the_only_one(
    name: str, known: set[str]
) -> None:
    found = as_written(name, known)
    assert found == name or found in known
    assert as_written(found, known) == found
    if name in known:
        assert found == name
