"""A place that this session has acquired, until it is released.

Probe and serial line do not go through the coordinator, so a run goes on without it. A coordinator
that is started again has forgotten who has which place: the place is acquired anew as soon as it
answers. Others can hardly be faster: they take no place whose exporter has not connected again.

If one is faster, or a person releases the place, the coordinator's word counts: this session stops
before its next vector. Until then the lock of the probe's server keeps the other one waiting.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from harness.board.labgrid.acquiring import Wanted, acquire
from harness.board.labgrid.coordinator import Coordinator, RefusedError
from harness.board.labgrid.coordinator_protocol import CoordinatorLostError
from harness.board.labgrid.farm_state import FarmState, Place
from harness.board.labgrid.place_choice import PlaceInUseError
from harness.board.labgrid.session_name import shown_name
from harness.errors import InfrastructureError

_RETRY = 0.5  # seconds
_RELEASE_DEADLINE = 10.0


class AcquiredPlace:
    """A place of the coordinator at `address`; the code that acquires it must call `release`.

    `warn` is called by `release` with what happened to the place meanwhile.
    """

    def __init__(self, address: str, wanted: Wanted, warn: Callable[[str], None]) -> None:
        """Acquire the place, as `acquire` does."""
        self._address, self._warn = address, warn
        self._coordinator, self.name = acquire(address, wanted)
        self._coordinator.synchronize()  # so that it has told that the place is ours
        self._events: list[str] = []
        self._lost = ""  # why this session has the place no more
        self._away, self._away_since = 0.0, 0.0  # seconds without the coordinator, and the present
        self._ends = threading.Event()
        self._connecting = threading.Lock()
        threading.Thread(target=self._keep, daemon=True).start()

    def state(self) -> tuple[Place, FarmState]:
        """Return the place and the whole farm as the coordinator knows them now."""
        state = self._coordinator.synchronize()
        if self.name not in state.places:
            raise InfrastructureError("was deleted", where=f"place {self.name}")
        return state.places[self.name], state

    @property
    def why_lost(self) -> str:
        """Why this session has the place no more, as far as it knows; empty if it has it."""
        coordinator = self._coordinator
        if not self._lost and not coordinator.lost.is_set():
            holder = coordinator.told_holder(self.name)
            if holder != coordinator.name:
                self._lost = _lost_to(holder)
        return self._lost

    @property
    def seconds_away(self) -> float:
        """For how long the coordinator was lost, until now."""
        since = self._away_since
        return self._away + (time.monotonic() - since if since else 0.0)

    def check(self) -> None:
        """Raise `PlaceInUseError` if this session has the place no more; asks nobody."""
        if self.why_lost:
            raise PlaceInUseError(
                self.why_lost,
                where=f"place {self.name}",
                remedy="run again, if the board may be used",
            )

    def release(self) -> None:
        """Release the place; if that fails within a deadline, only warn."""
        if self._ends.is_set():
            return
        self._ends.set()
        # The other thread may be about to acquire the place anew.
        waited = self._connecting.acquire(timeout=_RELEASE_DEADLINE)
        lost = self._coordinator.lost.is_set()
        failed = []
        try:
            self._release()
        except InfrastructureError as error:
            # The call may notice the loss before the thread that reads messages does.
            lost = lost or isinstance(error, CoordinatorLostError)
            failed.append(
                f"cannot be released: {error.where}: {error.what}; your next session on this "
                f"machine does it, or: labgrid-client -p {self.name} release --kick"
            )
        finally:
            self._coordinator.close()
            if waited:
                self._connecting.release()
        if lost:
            self._events.append("the coordinator was lost; the run went on without it")
        for event in (*self._events, *failed):
            self._warn(f"place {self.name}: {event}")

    def _release(self) -> None:
        """Release the place, over a new connection if the old one is gone."""
        end = time.monotonic() + _RELEASE_DEADLINE
        while True:
            try:
                if self._coordinator.lost.is_set():
                    self._coordinator = Coordinator(self._address)
                self._coordinator.release(self.name, self._coordinator.name)
            except CoordinatorLostError:
                if time.monotonic() + _RETRY >= end:
                    raise
                time.sleep(_RETRY)
            else:
                return

    def _keep(self) -> None:
        """Acquire the place anew when the coordinator has forgotten it."""
        while not self._lost:
            self._coordinator.lost.wait()
            self._away_since = since = time.monotonic()
            while not self._reconnected():
                if self._ends.wait(_RETRY):
                    return
            seconds = time.monotonic() - since
            self._away, self._away_since = self._away + seconds, 0.0
            self._events.append(
                f"the coordinator was lost for {seconds:.0f} s; the run went on, "
                + (f"but the place {self._lost}" if self._lost else "and kept the place")
            )

    def _reconnected(self) -> bool:
        """Connect and acquire the place, if it is not ours any more; return whether that worked."""
        with self._connecting:
            return not self._ends.is_set() and self._connected_anew()

    def _connected_anew(self) -> bool:
        self._coordinator.close()
        try:
            coordinator = Coordinator(self._address)
        except InfrastructureError:
            return False
        with suppress(InfrastructureError):
            place = coordinator.synchronize().places.get(self.name)
            if place is not None and not place.holder:
                with suppress(RefusedError):  # another one was faster
                    coordinator.acquire(self.name)
                place = coordinator.synchronize().places.get(self.name)
            if place is not None and place.holder not in ("", coordinator.name):
                self._lost = _lost_to(place.holder)
            if place is not None and place.holder:
                self._coordinator = coordinator
                return True
        coordinator.close()
        return False


def _lost_to(holder: str) -> str:
    """Return what happened to a place that `holder` has now; it is empty if nobody does."""
    if not holder:
        return "was released by somebody else while this session used it"
    return (
        f"was acquired by {shown_name(holder)} while this session used it: the coordinator was "
        "started again, or somebody released the place"
    )
