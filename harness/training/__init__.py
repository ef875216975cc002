"""Training from scratch, shared by the bundled models; needs the extra `train`.

A model's `models/<name>/train.py` defines a `Task`: the data with their split and preprocessing,
the network and the hyperparameters. `fit` trains the float network, `convert` turns it into the
int8 one, `choose_vectors` selects the test vectors, and `pipeline` runs all steps and evaluates
both networks. Only `keras` imports TensorFlow.
"""

from harness.training.task import Data, Samples, Task

__all__ = ["Data", "Samples", "Task"]
