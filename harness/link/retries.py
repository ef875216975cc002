"""When to repeat a request without an answer, and when to give it up."""

from harness.link.device_errors import DeviceSilentError
from harness.link.exchange import Answer, Exchange

ATTEMPTS = 5
"""How often a request is sent into silence, and how often a disturbed inference is repeated."""

FIRST_PAUSE = 0.03
"""Seconds without a byte after which a noise counts as over; twice as long after each attempt."""

_LONGEST_PAUSE = 1.0


class Retries:
    """The attempts of one request; `request` is its name.

    After damage, the next attempt comes when the line is quiet. In silence, it comes when the
    caller has waited for an answer, and only `ATTEMPTS` times: an emulator that was stopped
    receives all of them at once, and they must fit its buffer. The request has failed after the
    `patience`: when the device could have answered for `ATTEMPTS` times `answer_time` seconds.
    """

    def __init__(self, exchange: Exchange, request: str, answer_time: float) -> None:
        self._exchange = exchange
        self._request = request
        self.patience = ATTEMPTS * answer_time
        self.restart(self.patience)

    def progress(self) -> None:
        """Begin anew, because a part of the request is done."""
        self.restart(self.patience)

    def restart(self, seconds: float) -> None:
        """Begin anew, with `seconds` for the device."""
        self._end = self._exchange.device_time + seconds
        self._attempts = 1
        self._silent = 1
        self._pause = FIRST_PAUSE

    @property
    def left(self) -> float:
        """The seconds that the device still has."""
        return self._end - self._exchange.device_time

    def again(self, answer: Answer | None) -> bool:
        """Return whether to repeat the request, after damage or, without an answer, in silence."""
        if answer is None:
            if self._silent == ATTEMPTS:
                return False
            self._silent += 1
        else:
            self._exchange.damaged += 1
            self._exchange.settle(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._attempts += 1
        return True

    def failure(self) -> DeviceSilentError:
        """Return the error for a request that has failed."""
        damaged = self._attempts - self._silent
        seen = ""
        remedy = "the device hangs or the line is dead; look at the emulator's log, if any"
        if damaged >= self._silent:
            seen = f"\n{damaged} of them were answered with something else than a message"
            remedy = "does something else write to this line, such as printf, or is the line bad?"
        return DeviceSilentError(
            f"no answer to {self._request} after {self._attempts} attempts{seen}",
            where=self._exchange.name,
            remedy=remedy,
        )
