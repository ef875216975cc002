"""Keras models and SavedModels become full-integer networks; another process has TensorFlow."""
