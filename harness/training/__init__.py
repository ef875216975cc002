"""Training from nothing: what the bundled tasks have in common; needs the extra `train`.

A task's `models/<name>/train.py` says what is special to it, as a `Task`: its data, their
split and preprocessing, the network and the hyperparameters. From that `train` makes the
float network, `convert` the int8 one, `vectors` what it is tested on, and `evaluate` says
how good both are. TensorFlow is imported in `keras` alone.
"""

from harness.training.task import Data, Samples, Task

__all__ = ["Data", "Samples", "Task"]
