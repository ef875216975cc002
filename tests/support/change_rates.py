"""Rates of false and missed change points: the tables of docs/trend.md.

`python -m tests.support.change_rates [HISTORIES]` takes about 15 minutes with 200 histories for
each figure.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.results.judge.change_points import sampled_changes

LEVEL = 1000.0
SIGMA = 10.0
NEAR = 3  # a change may be reported this many runs too early or too late
NIGHTS = (15, 30, 100, 365)
STEPS = (2, 3, 5, 10)  # in standard deviations
PLACES = ((15, 5), (60, 5), (60, 10), (60, 30), (365, 5), (365, 180))  # nights, nights after

Values = npt.NDArray[np.floating[Any]]
Noise = Callable[[np.random.Generator, int], Values]


def outliers(random: np.random.Generator, nights: int) -> Values:
    """One night in twenty deviates by 20 standard deviations."""
    noise = random.normal(0, 1, nights)
    signs: Values = random.choice(np.array([-1.0, 0.0, 1.0]), nights, p=[0.025, 0.95, 0.025])
    return noise + 20 * signs


def one_sided(random: np.random.Generator, nights: int) -> Values:
    """A busy machine: some nights take longer, none shorter."""
    return random.normal(0, 1, nights) + (random.random(nights) < 0.05) * 20 * random.random(nights)


NOISES: dict[str, Noise] = {
    "Gaussian": lambda random, nights: random.normal(0, 1, nights),
    "heavy tails (Student, 3)": lambda random, nights: random.standard_t(3, nights),
    "5 % outliers of ±20 s.d.": outliers,
    "5 % outliers, one-sided": one_sided,
    "two values, 50:50": lambda random, nights: 2.0 * (random.random(nights) < 0.5),
    "two values, 80:20": lambda random, nights: 2.5 * (random.random(nights) < 0.2),
    "whole numbers": lambda random, nights: np.round(random.normal(0, 0.6, nights)),
}


def history(noise: Noise, nights: int, seed: int) -> Values:
    """Return a history without a change: `noise` (of about 1 s.d.), scaled by `SIGMA`."""
    return LEVEL + SIGMA * noise(np.random.default_rng(seed), nights)


def alarms(noise: str, nights: int, seed: int) -> bool:
    """Tell whether a change is reported in a history without one."""
    return bool(sampled_changes(history(NOISES[noise], nights, seed).tolist()))


def misses(noise: str, nights: int, after: int, size: float, seed: int) -> bool:
    """Tell whether a step is not reported `after` nights later."""
    values = history(NOISES[noise], nights, seed)
    values[nights - after :] += size * SIGMA
    return not any(
        abs(change.index - (nights - after)) <= NEAR for change in sampled_changes(values.tolist())
    )


def drifts(total: float, nights: int, seed: int) -> bool:
    """Tell whether a drift by `total` standard deviations is not reported as a change."""
    values = history(NOISES["Gaussian"], nights, seed) + np.linspace(0, total * SIGMA, nights)
    return not sampled_changes(values.tolist())


def main(histories: int) -> None:
    with ProcessPoolExecutor(2) as pool:

        def share(occurs: Callable[[int], bool]) -> str:
            occurrences = list(pool.map(occurs, range(histories), chunksize=20))
            return f"{100 * sum(occurrences) / histories:.1f} %"

        print(f"false alarms: share of {histories} histories in which a change is reported")
        print("| noise |", " | ".join(f"{nights} nights" for nights in NIGHTS), "|")
        for noise in NOISES:
            shares = [share(partial(alarms, noise, nights)) for nights in NIGHTS]
            print(f"| {noise} |", " | ".join(shares), "|", flush=True)
        print(f"misses: share of {histories} histories in which a step is not reported")
        print(
            "| noise | nights in all, nights since the step |",
            " | ".join(f"{size} s.d." for size in STEPS),
            "|",
        )
        for noise in list(NOISES)[:3]:
            for nights, after in PLACES:
                shares = [share(partial(misses, noise, nights, after, size)) for size in STEPS]
                print(f"| {noise} | {nights}, {after} |", " | ".join(shares), "|", flush=True)
        for total in STEPS:
            print(
                f"drift by {total} s.d. in 365 nights not reported:",
                share(partial(drifts, total, 365)),
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
