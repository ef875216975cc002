"""Binary segmentation: where the level of a series changes.

The cost of a segment is the sum of its absolute deviations from the median, so that an outlier has
little weight (Truong, Oudre, Vayatis: Selective review of offline change point detection methods,
Signal Processing 167, 2020). The cuts are those of `Binseg(model="l1", jump=1)` in the library
ruptures; tests compare the two. The library itself has no wheels for every supported Python.
"""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def segment(series: Values, *, min_size: int, penalty: float) -> list[int]:
    """Return the index of the first value of each segment but the first, in order.

    A segment is cut where that lowers the cost most, if it lowers it by more than `penalty`. Each
    part has at least `min_size` values.
    """
    cuts = []
    pending = [(0, len(series))]
    while pending:
        begin, end = pending.pop()
        if end - begin < 2 * min_size:
            continue
        whole = _cost(series[begin:end])
        gain, cut = max(
            (whole - _cost(series[begin:cut]) - _cost(series[cut:end]), cut)
            for cut in range(begin + min_size, end - min_size + 1)
        )
        if gain > penalty:
            cuts.append(cut)
            pending += [(begin, cut), (cut, end)]
    return sorted(cuts)


def _cost(values: Values) -> float:
    return float(np.abs(values - np.median(values)).sum())
