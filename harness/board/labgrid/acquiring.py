"""Waits for a place, and acquires it.

A reservation is a turn in the queue: the coordinator allocates places by priority and age. It drops
a reservation that nobody polls for a minute. A session that has acquired a place needs its
reservation no more, and cancels it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness.board.labgrid.coordinator import Coordinator, RefusedError
from harness.board.labgrid.coordinator_protocol import CoordinatorLostError
from harness.board.labgrid.farm_state import FarmState, Place
from harness.board.labgrid.place_choice import PlaceChoice, PlaceInUseError
from harness.board.labgrid.session_name import has_ended, shown_name
from harness.board.labgrid.session_places import SessionPlaces
from harness.errors import InfrastructureError

_FIRST_POLL, _POLL = 0.1, 2.0  # seconds
_RETURN = 30.0  # seconds for exporters to connect again, after a restart of the coordinator
_ALLOCATED = (1, 2)  # of labgrid's ReservationState: allocated, acquired
_WAITING = 0


class _UnusableError(InfrastructureError):
    """No place that fits can be used as it is."""


@dataclass(frozen=True)
class Wanted:
    """The place that a run wants: its choice, the reservation's priority, and seconds to wait.

    `check` raises `InfrastructureError` for a place that cannot be used as it is. `session` knows
    the places that the run must not take, and the other processes of the session.
    """

    choice: PlaceChoice
    priority: float
    wait: float
    check: Callable[[Place, FarmState], object]
    say: Callable[[str], None]
    session: SessionPlaces = field(default_factory=SessionPlaces)

    def fault(self, place: Place, state: FarmState) -> InfrastructureError | None:
        """Return why `place` cannot be used; None if it can."""
        if why := self.session.left_out().get(place.name):
            return InfrastructureError(
                f"is left out of this session: {why}",
                where=f"place {place.name}",
                remedy="harness farm check tells whether the board works",
            )
        try:
            self.check(place, state)
        except InfrastructureError as error:
            return error
        return None


def acquire(address: str, wanted: Wanted) -> tuple[Coordinator, str]:
    """Acquire a place; return the connection that holds it, and its name.

    As long as the run may wait, a coordinator that is lost is asked again, and a place that cannot
    be used may get its exporter back.
    """
    begin = time.monotonic()
    end = begin + wanted.wait
    while True:
        try:
            coordinator = Coordinator(address)
            try:
                return coordinator, _Attempt(coordinator, wanted, end).acquired()
            except BaseException:
                coordinator.close()
                raise
        except (CoordinatorLostError, _UnusableError) as error:
            limit = min(end, begin + _RETURN) if isinstance(error, _UnusableError) else end
            if time.monotonic() + _POLL >= limit:
                raise
            wanted.say(f"{error.where}: {error.what}; trying again")
            time.sleep(_POLL)


def free_places(address: str, wanted: Wanted) -> int:
    """Return how many places fit, can be used, and are nobody's."""
    with Coordinator(address) as coordinator:
        sweep(coordinator, coordinator.synchronize(), wanted.say)
        state = coordinator.synchronize()
        return sum(
            not place.holder and not place.reservation and wanted.fault(place, state) is None
            for place in wanted.choice.fitting(state.places.values(), coordinator.where)
        )


def sweep(coordinator: Coordinator, state: FarmState, say: Callable[[str], None]) -> None:
    """Release the places of this user's sessions on this host that were killed."""
    for place in state.places.values():
        if place.holder and has_ended(place.holder):
            coordinator.release(place.name, place.holder)
            say(
                f"place {place.name}: released, because {shown_name(place.holder)} has ended "
                "without doing it"
            )
    for reservation in coordinator.reservations():
        if has_ended(reservation.owner):
            coordinator.cancel(reservation.token)


@dataclass
class _Attempt:
    """An attempt to get a place over one connection until the time `end`."""

    coordinator: Coordinator
    wanted: Wanted
    end: float
    _tokens: list[str] = field(default_factory=list)
    _refused: dict[str, InfrastructureError] = field(default_factory=dict)
    _told: str = ""

    def acquired(self) -> str:
        """Return the name of the acquired place."""
        try:
            while True:
                self._check_candidates()
                place = self._allocated()
                if (error := self._fault(place)) is not None:
                    # Its reservation stays until the end, so that the next one gets another place.
                    self._refused[place] = error
                    continue
                if self._take(place):
                    return place
                self.coordinator.cancel(self._tokens.pop())  # it keeps the place from all others
        finally:
            with suppress(InfrastructureError):
                for token in self._tokens:
                    self.coordinator.cancel(token)

    def _candidates(self) -> tuple[FarmState, list[Place]]:
        state = self.coordinator.synchronize()
        return state, self.wanted.choice.fitting(state.places.values(), self.coordinator.where)

    def _check_candidates(self) -> None:
        """Raise the error of places that fit and cannot be used, if all of them are such."""
        state, places = self._candidates()
        sweep(self.coordinator, state, self.wanted.say)
        faults = [self._fault(place.name, state) for place in places]
        known = [fault for fault in faults if fault is not None]
        if len(known) < len(places):
            return
        if len(known) == 1:
            (fault,) = known
            raise _UnusableError(fault.what, where=fault.where, remedy=fault.remedy)
        raise _UnusableError(
            f"no place with {self.wanted.choice} can be used:\n"
            + "\n".join(f"{fault.where}: {fault.what}" for fault in known),
            where=self.coordinator.where,
            remedy=known[0].remedy,
        )

    def _fault(self, name: str, state: FarmState | None = None) -> InfrastructureError | None:
        """Return why the place `name` cannot be used; None if it can."""
        if name in self._refused:
            return self._refused[name]
        state = state or self.coordinator.synchronize()
        place = state.places.get(name)
        if place is None:
            return InfrastructureError("was deleted", where=f"place {name}")
        return self.wanted.fault(place, state)

    def _allocated(self) -> str:
        """Reserve a place; return its name when it is ours."""
        choice = self.wanted.choice
        filters: Mapping[str, str] = choice.tags
        if choice.name:
            _, (place, *_) = self._candidates()
            filters = {"name": place.name}  # an alias has none
        reservation = self.coordinator.reserve(filters, self.wanted.priority)
        self._tokens.append(reservation.token)
        pause = _FIRST_POLL
        while reservation.state not in _ALLOCATED:
            left = self.end - time.monotonic()
            if reservation.state != _WAITING or (left <= 0 and not self._is_of_session()):
                raise self._in_use()
            self._tell()
            time.sleep(min(pause, left) if left > 0 else pause)
            pause = min(2 * pause, _POLL)
            sweep(self.coordinator, self.coordinator.synchronize(), self.wanted.say)
            reservation = self.coordinator.poll(reservation.token)
        return str(reservation.allocations["main"])

    def _take(self, place: str) -> bool:
        """Acquire `place`, which is reserved for us; return whether that succeeded."""
        name = self.coordinator.name
        with _released_on_error(self.coordinator, place, name):
            try:
                self.coordinator.acquire(place)
            except RefusedError as error:
                if time.monotonic() >= self.end:
                    raise InfrastructureError(
                        f"cannot be acquired: {error.what}",
                        where=f"place {place}",
                        remedy="labgrid-client resources shows who has its resources; see the log "
                        "of its exporter",
                    ) from error
                time.sleep(_POLL)
                return False
        return True

    def _is_of_session(self) -> bool:
        """Return whether another process of this session has a place that fits.

        It releases the place when it has done its work. Then this process must not have failed.
        """
        _, places = self._candidates()
        ours = self.wanted.session.holders() - {self.coordinator.name}
        tokens = {each.token for each in self.coordinator.reservations() if each.owner in ours}
        usable = (place for place in places if place.name not in self.wanted.session.left_out())
        return any(place.holder in ours or place.reservation in tokens for place in usable)

    def _tell(self) -> None:
        """Say once for whom we wait."""
        text = self._who()
        if text != self._told:
            self._told = text
            self.wanted.say(f"waiting for the place {self.wanted.choice}: {text}")

    def _in_use(self) -> PlaceInUseError:
        return PlaceInUseError(
            self._who(),
            where=f"place {self.wanted.choice}",
            remedy="run later, or wait for it with --lock-timeout=SECONDS; if its holder is gone: "
            "labgrid-client -p NAME release --kick",
        )

    def _who(self) -> str:
        """Return who has or has reserved the places that fit."""
        _, places = self._candidates()
        owners = {each.token: each for each in self.coordinator.reservations()}
        several = len(places) > 1
        lines = []
        for place in places:
            prefix = f"{place.name} " if several else ""
            if place.holder:
                lines.append(f"{prefix}is held by {place.held}")
            elif place.reservation in owners:
                lines.append(f"{prefix}is reserved for {_reserver(owners[place.reservation])}")
            elif place.name in self._refused:
                lines.append(f"{prefix}cannot be used: {self._refused[place.name].what}")
        return "; ".join(lines) or "is promised to others who wait for it"


def _reserver(reservation: Any) -> str:
    since = datetime.fromtimestamp(reservation.created).astimezone()
    return f"{shown_name(reservation.owner)}, since {since:%Y-%m-%d %H:%M:%S}"


@contextmanager
def _released_on_error(coordinator: Coordinator, place: str, name: str) -> Iterator[None]:
    """Release `place` after an error or a signal: the coordinator may have given it to us."""
    try:
        yield
    except BaseException:
        with suppress(InfrastructureError):
            coordinator.release(place, name)
        raise
