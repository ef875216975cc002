"""What the `harness` command's exit code says."""

PASSED = 0
FAILED = 1  # a verdict: the model is not right
USAGE = 2  # what the user gave is wrong
INFRASTRUCTURE = 3  # something around the model failed; it was not judged
REGRESSION = 4  # a verdict, too: the model is right, and got worse than its baseline
INTERRUPTED = 130  # Ctrl-C, as shells have it
