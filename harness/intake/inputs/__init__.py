"""From a user's files to the inputs of a network: reading, preprocessing, shape, quantization."""
