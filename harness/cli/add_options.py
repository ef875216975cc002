"""The options of `harness models add` that name a user's data, and the request they make."""

import argparse
from typing import get_args

from harness.intake.add_model import DataRequest
from harness.intake.inputs.sample_blocks import InputOptions, Layout
from harness.model.model_file import Task
from harness.support.numbers import whole_number

_MOST_VECTORS = 1_000_000
_MOST_HERTZ = 1_000_000
_MOST_SEED = (1 << 32) - 1


def declare_data(add: argparse.ArgumentParser) -> None:
    """Declare the options that name the data."""
    add.add_argument(
        "--inputs",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="inputs: .npy, .npz[:ARRAY], .csv[:COLUMNS], .wav, a picture, or a folder of WAV, "
        "PNG or JPEG files by class; once for each input of the network",
    )
    add.add_argument(
        "--calibrate",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="inputs from the training data that calibrate the conversion of a Keras model, a "
        "SavedModel or an ONNX network to int8, in the forms of --inputs (default: the inputs "
        "themselves)",
    )
    add.add_argument(
        "--labels",
        metavar="FILE[:PART]",
        help="labels: .npy, .npz[:ARRAY], .csv[:COLUMN] or text; without labels, runs are "
        "compared with golden only",
    )
    add.add_argument(
        "--recordings",
        metavar="FILE[:PART]",
        help="which vectors follow each other: the number or name of each vector's recording, in "
        "the forms of --labels; for a network that keeps a state within a recording",
    )
    add.add_argument(
        "--classes",
        metavar="A,B,C",
        help="names of the classes in the order of the outputs, or a text file with them "
        "(default: sorted)",
    )
    tasks = [task for task in get_args(Task) if task != "wakeword-detection"]  # of import-mlperf
    add.add_argument("--task", choices=tasks, help="default: what the labels are for")
    add.add_argument(
        "--preprocess",
        action="append",
        default=[],
        metavar="[NAME=]STEPS",
        help="unit (divide by 255), signed (-1 to 1), raw, stored (already quantized), resize, "
        "mono, pad, with commas; or FILE.py:FUNCTION, your own",
    )
    add.add_argument(
        "--layout",
        choices=get_args(Layout),
        default="NHWC",
        help="order of axes in the files; NCHW: channels first (default: %(default)s)",
    )
    add.add_argument(
        "--sample-rate",
        type=whole_number(1, _MOST_HERTZ),
        metavar="HZ",
        help="sample rate that all recordings must have (default: that of the first)",
    )
    add.add_argument(
        "--random",
        type=whole_number(1, _MOST_VECTORS),
        metavar="N",
        help="make N random inputs instead of reading any",
    )
    add.add_argument(
        "--seed",
        type=whole_number(0, _MOST_SEED),
        default=0,
        help="of --random (default: %(default)s)",
    )


def data_request(options: argparse.Namespace) -> DataRequest:
    """Return what the options ask for."""
    return DataRequest(
        inputs=tuple(options.inputs),
        preprocess=tuple(options.preprocess),
        labels=options.labels,
        recordings=options.recordings,
        classes=options.classes,
        task=options.task,
        options=InputOptions(None, options.layout, options.sample_rate, options.labels),
        random=options.random,
        seed=options.seed,
    )
