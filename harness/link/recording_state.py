"""The state that a model keeps within a recording.

A state cannot go back. To give it an earlier value, the recording begins anew, and the vectors
before that moment run again.
"""

from collections.abc import Callable

from harness.errors import InfrastructureError

MOST_BYTES = 1 << 28
"""The host keeps as many bytes of inputs; a longer recording cannot run again."""


class RecordingState:
    """Follows the state through a recording; without a call of `begin`, there is no state.

    `reset` sets the state to its initial value. `run_again` runs the model on an input whose result
    is known.
    """

    def __init__(self, reset: Callable[[], None], run_again: Callable[[bytes], None]) -> None:
        self._reset = reset
        self._run_again = run_again
        self._is_kept = False
        self._is_known = False  # whether it has the value after `_inputs`
        self._inputs: list[bytes] = []
        self._bytes = 0  # of all inputs of the recording, also of those that are not kept

    def begin(self) -> None:
        """Set the state to its initial value."""
        self._is_kept, self._is_known = True, False
        self._inputs, self._bytes = [], 0
        self._restore()

    def prepare(self) -> None:
        """Give the state the value that the next inference needs.

        Until `add`, nobody knows the state, whatever stops or disturbs the inference.
        """
        if self._is_kept and not self._is_known:
            self._restore()
        self._is_known = False

    def add(self, data: bytes) -> None:
        """The inference with the input `data` has its result."""
        if not self._is_kept:
            return
        self._is_known = True
        self._inputs.append(data)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self._inputs.clear()

    def go_back(self) -> None:
        """Take the last input back: the next inference needs the state from before it."""
        self._is_known = False
        if self._inputs:
            self._bytes -= len(self._inputs.pop())

    def _restore(self) -> None:
        """Begin the recording anew, and run its inputs until now."""
        if self._bytes > MOST_BYTES:
            raise InfrastructureError(
                "an inference must be repeated, so its recording must run again from the first "
                f"vector; but its inputs have more than {MOST_BYTES >> 20} MiB, and the host does "
                "not keep more",
                remedy="use shorter recordings; in a test, dut.reset() begins a new one",
            )
        self._reset()
        for data in self._inputs:
            self._run_again(data)
        self._is_known = True
