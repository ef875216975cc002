"""TensorFlow, set up so that a second run on the same machine gives the same bytes.

One seed, one thread and deterministic kernels. Other processors may round otherwise.
"""

import os
import sys
from typing import Any

from harness.errors import InputError

SEED = 7
EXTRA = "pip install 'tinyml-harness[train]' (in a checkout: pip install -e '.[train]')"

_ENVIRONMENT = {
    # oneDNN orders its sums by the processor it finds.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    # Its log tells of things that need no attention; what fails raises an exception.
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def tensorflow() -> Any:
    """Return TensorFlow, seeded and deterministic, as if nothing had been built with it.

    To be called before any other import of it, and before each network that is to be the
    same every time.
    Raises `InputError` if it is not installed.
    """
    if "tensorflow" in sys.modules and not _is_set_up():
        raise InputError(
            "TensorFlow was imported before it could be made deterministic",
            remedy="train in a process of its own",
        )
    os.environ.update(_ENVIRONMENT)
    try:
        import tensorflow as tf  # noqa: PLC0415 - it takes seconds, and needs the environment
    except ModuleNotFoundError as error:
        raise missing(error) from error
    # What was built before must not count in the names of tensors, which are in the file.
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    # Exporting would list every variable of the model.
    tf.keras.config.disable_interactive_logging()
    if not tf.config.threading.get_intra_op_parallelism_threads():
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def missing(error: ModuleNotFoundError) -> InputError:
    """Say which package is not installed, and how it gets there."""
    return InputError(f"the Python package {error.name} is missing", remedy=EXTRA)


def _is_set_up() -> bool:
    return all(os.environ.get(name) == value for name, value in _ENVIRONMENT.items())
