"""Model folders that tests make."""

import shutil
from pathlib import Path

import numpy as np

from harness.model.folder import Model, load_model
from tests.support.graphs import Builder
from tests.support.repository import DESCRIPTION

ROOT = Path(__file__).parents[2]

LARGE = (75, 75, 9)
"""Shape of a large input: 50,625 bytes, which is no multiple of a word or of a packet."""


def few_digits(folder: Path, vectors: int) -> Model:
    """Make the bundled model in `folder`, with its first `vectors`; its image is the same."""
    shutil.copytree(ROOT / "models" / "digits", folder)
    held = dict(np.load(folder / "vectors.npz"))
    first = {name: held[name][:vectors] for name in ("inputs", "labels", "golden")}
    np.savez(folder / "vectors.npz", **held | first)
    return load_model(folder)


def large_input(folder: Path, vectors: int) -> Model:
    """Make a model in `folder` that does little with a large input: averages of 9 channels."""
    folder.mkdir(parents=True)
    b = Builder()
    source = b.activation((1, *LARGE), 0.1, 0)
    pooled = b.pool("AVERAGE_POOL_2D", source, (25, 25), stride=(25, 25))
    (folder / "model.tflite").write_bytes(b.build([source], [b.reshape(pooled, (1, 81))]))
    (folder / "model.toml").write_text(
        DESCRIPTION.replace("quality_target = 0.5", "quality_target = 0.0")
    )
    rng = np.random.default_rng(0)
    # Averages of uniform noise would all be nearly alike.
    level = rng.integers(-100, 100, (vectors, *LARGE)) + rng.integers(-20, 20, (vectors, 1, 1, 9))
    inputs = np.clip(level, -128, 127).astype(np.int8)
    np.savez(folder / "vectors.npz", inputs=inputs, labels=np.zeros(vectors, np.int64))
    return load_model(folder)
