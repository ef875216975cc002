"""Documents as an assistant reads them: without the samples, which are long and seldom needed."""

from typing import Any

_SAMPLES = ("ticks", "looks")
"""The keys of a Record with a value for each vector; the Record's numbers sum them up."""


def shortened(document: Any) -> Any:
    """Return `document` without the samples of its Records."""
    if isinstance(document, list):
        return [shortened(each) for each in document]
    if not isinstance(document, dict):
        return document
    is_record = "numbers" in document and "ticks" in document
    left_out = _SAMPLES if is_record else ()
    return {key: shortened(value) for key, value in document.items() if key not in left_out}
