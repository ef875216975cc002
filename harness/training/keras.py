"""TensorFlow, configured so that a second run on the same machine gives the same bytes.

It uses one seed, one thread and deterministic kernels. Other processors may round differently.
"""

import os
import sys
from typing import Any

from harness.errors import InputError

SEED = 7
EXTRA = "pip install 'tinyml-harness[train]' (in a checkout: pip install -e '.[train]')"

_ENVIRONMENT = {
    # The order of oneDNN's sums depends on the processor.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    # Its log contains nothing important; failures raise exceptions.
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def tensorflow() -> Any:
    """Return TensorFlow, seeded, deterministic and without earlier state.

    Call it before any other import of TensorFlow, and before each network that must be
    reproducible. Raises `InputError` if TensorFlow is not installed.
    """
    if "tensorflow" in sys.modules and not _is_set_up():
        raise InputError(
            "TensorFlow was imported before it was configured to be deterministic",
            remedy="train in a new process",
        )
    os.environ.update(_ENVIRONMENT)
    try:
        import tensorflow as tf  # noqa: PLC0415 - it takes seconds, and needs the environment
    except ModuleNotFoundError as error:
        raise missing(error) from error
    # Names of tensors, which are in the file, must not depend on earlier networks.
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    # Otherwise exporting prints every variable of the model.
    tf.keras.config.disable_interactive_logging()
    if not tf.config.threading.get_intra_op_parallelism_threads():
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def missing(error: ModuleNotFoundError) -> InputError:
    """Return the error for a package that is not installed, with the command to install it."""
    return InputError(f"the Python package {error.name} is missing", remedy=EXTRA)


def _is_set_up() -> bool:
    return all(os.environ.get(name) == value for name, value in _ENVIRONMENT.items())
