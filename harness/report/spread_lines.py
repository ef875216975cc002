"""The spread between boards of one kind, for Markdown and for pages."""

from collections.abc import Iterator, Sequence

from harness.measure.shown_number import percent, quantity
from harness.results.judge.board_spread import METRICS, Spread


def spread_text(spread: Spread) -> str:
    """Return how far the boards are apart, relative to their median."""
    if spread.minimum == spread.maximum:
        return "none"
    return percent(spread.relative).removeprefix("+")


def spread_rows(spreads: Sequence[Spread]) -> Iterator[list[str]]:
    """Yield the cells of a row for each spread; the first ones name the combination."""
    for spread in spreads:
        target, model, engine, toolchain, optimize = spread.combination
        lowest, highest = spread.boards[0], spread.boards[-1]
        yield [
            *(model, target, engine, f"{toolchain} {optimize}"),
            str(len(spread.boards)),
            METRICS[spread.metric],
            f"{quantity(spread.minimum, spread.unit)} ({lowest.device})",
            quantity(spread.median, spread.unit),
            f"{quantity(spread.maximum, spread.unit)} ({highest.device})",
            spread_text(spread),
        ]
