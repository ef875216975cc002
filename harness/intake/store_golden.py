"""Adds golden outputs to the vectors of a model, so that every machine can judge its runs."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.golden import oracle
from harness.model.folder import Model
from harness.model.vectors import load_vectors, named_arrays
from harness.support.whole_files import npz, replace_files


def store_golden(
    model: Model, cache: Path, say: Callable[[str], None], *, replace: bool = False
) -> str:
    """Write golden outputs into the vectors of `model`; return what computed them.

    With `replace`, they replace those of a network that was trained again.

    Computed outputs are kept in the folder `cache`, and `say` is called before a long wait. Raises
    `InputError` if the vectors have golden outputs or are no `.npz`, the model does not match
    them, the vectors change meanwhile, or nothing on this machine computes their golden.
    """
    path = model.vectors_path
    if path.is_dir():
        raise InputError(
            "the vectors of an export are CSV files, which cannot hold golden outputs",
            where=str(path),
            remedy="save them as vectors.npz, see docs/vectors.md",
        )
    vectors = model.vectors
    if vectors.all_golden is not None and not replace:
        raise InputError(
            f"already has golden outputs, computed by {vectors.golden_source}",
            where=str(path),
            remedy="to compute them again, add --replace",
        )
    model.check(model.graph)
    without = dataclasses.replace(vectors, all_golden=None, golden_source="")
    outputs, source = oracle.of_model(model, without, cache, say)
    now = load_vectors(path)
    if now.digest != vectors.digest or (now.all_golden is not None and not replace):
        raise InputError(
            "changed while its golden outputs were computed; nothing was stored",
            where=str(path),
            remedy="run the command again",
        )
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive if not name.startswith("golden")}
    arrays |= named_arrays("golden", outputs) | {"golden_source": np.array(source)}
    replace_files(path.parent, {path.name: npz(arrays)})
    return source
