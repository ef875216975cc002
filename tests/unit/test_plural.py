"""Numbers with their nouns in messages."""

import pytest

from harness.support.plural import count_of


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "vector", "0 vectors"),
        (1, "vector", "1 vector"),
        (2, "vector", "2 vectors"),
        (1200, "vector", "1,200 vectors"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (3, "axis", "3 axes"),
        (4, "entry", "4 entries"),
        (5, "array", "5 arrays"),
        (6, "match", "6 matches"),
        (7, "picture", "7 pictures"),
    ],
)
def test_a_number_has_its_noun(number: int, noun: str, text: str) -> None:
    assert count_of(number, noun) == text
