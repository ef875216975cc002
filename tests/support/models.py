"""Model folders that tests make."""

import csv
import shutil
from pathlib import Path

import numpy as np

from harness.model.folder import Model, load_model
from tests.support.graphs import Builder
from tests.support.repository import DESCRIPTION

ROOT = Path(__file__).parents[2]

MLPERF_TINY = ROOT.parent / "shared" / "mlperf-tiny"
"""MLPerf Tiny's models and vectors, which are not everywhere beside a checkout."""

KEYWORDS = """\
description = "MLPerf Tiny keyword spotting, reference model"
task = "classification"
metric = "accuracy"
quality_target = 0.90
[input]
preprocessing = "49 windows of 10 MFCC, int8"
[provenance]
data = "Speech Commands v2, MLPerf Tiny's 1000 vectors"
licence = "Apache-2.0"
"""

LARGE = (75, 75, 9)
"""Shape of a large input: 50,625 bytes, which is no multiple of a word or of a packet."""


def few_digits(folder: Path, vectors: int) -> Model:
    """Make the bundled model in `folder`, with its first `vectors`; its image is the same."""
    shutil.copytree(ROOT / "models" / "digits", folder)
    held = dict(np.load(folder / "vectors.npz"))
    first = {name: held[name][:vectors] for name in ("inputs", "labels", "golden")}
    np.savez(folder / "vectors.npz", **held | first)
    return load_model(folder)


def mlperf_keywords(folder: Path, vectors: int = 1000) -> Model:
    """Make MLPerf Tiny's reference model in `folder`, with the first of its 1000 vectors."""
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(KEYWORDS)
    network = MLPERF_TINY / "models" / "kws_ref_model.tflite"
    (folder / "model.tflite").write_bytes(network.read_bytes())
    names = MLPERF_TINY / "vectors" / "kws01"
    with (names / "y_labels.csv").open() as file:
        rows = [(name, int(label)) for name, _, label in csv.reader(file)][:vectors]
    inputs = [np.fromfile(names / name, np.int8).reshape(49, 10, 1) for name, _ in rows]
    labels = np.array([label for _, label in rows])
    np.savez(folder / "vectors.npz", inputs=np.stack(inputs), labels=labels)
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
