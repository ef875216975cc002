"""A connection to labgrid's coordinator, with a deadline on every call."""

import os
import queue
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Self

import grpc

from harness.board.board_options import COORDINATOR
from harness.board.labgrid.coordinator_protocol import (
    LOST,
    VERSION,
    CoordinatorLostError,
    Protocol,
)
from harness.board.labgrid.farm_state import FarmState
from harness.board.labgrid.session_name import own_name
from harness.errors import InfrastructureError, InputError
from harness.support.network_address import joined_address, split_address

PORT = 20408
"""The default port of labgrid's coordinator."""

_DEADLINE = 10.0  # seconds to connect, and for each call
_ACQUIRE_DEADLINE = 30.0  # the coordinator waits up to 10 s for each resource's exporter
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    # A coordinator that is gone without a word is noticed within 20 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # This connection alone: another one has another session.
    ("grpc.use_local_subchannel_pool", 1),
)
_NO_SESSION = "does not have a valid session"
_NAME = "name the coordinator: --coordinator=HOST:PORT, LG_COORDINATOR, or board.coordinator"
_IPV6 = "an IPv6 address is in brackets, as in [::1]:20408"


class RefusedError(InfrastructureError):
    """The coordinator refuses a call."""


def chosen_address(*named: str) -> str:
    """Return the first address that is not empty, or that of LG_COORDINATOR, or labgrid's own."""
    address = next(filter(None, (*named, os.environ.get(COORDINATOR, ""))), "127.0.0.1")
    try:
        return joined_address(*split_address(address, PORT))
    except ValueError as error:
        raise InputError(
            "is not HOST:PORT", where=f"coordinator {address}", remedy=f"{_NAME}; {_IPV6}"
        ) from error


class Coordinator:
    """The coordinator at `address`; close it at the end, or use it as a context manager.

    `name` is who acquires places through this connection.
    """

    def __init__(self, address: str) -> None:
        """Connect; raises `CoordinatorLostError` if nobody answers."""
        self.address, self.name = address, own_name()
        self.where = f"coordinator {address}"
        self.lost = threading.Event()
        """It is set when the connection has ended, whoever ended it."""
        self._state = FarmState()
        self._asked = self._answered = 0  # numbers of the last requests to synchronize
        self._news = threading.Condition()
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._check_listening()
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        try:
            self._protocol = self._described()
            self._stream = self._open_stream()
            self.synchronize()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; a second call does nothing. Places stay acquired."""
        self.lost.set()
        self._requests.put(None)
        self._channel.close()

    def synchronize(self) -> FarmState:
        """Return the places and resources as the coordinator knows them now."""
        with self._news:
            number = self._asked = self._asked + 1
            self._requests.put(self._message("sync", id=number))
            answered = self._news.wait_for(
                lambda: self._answered >= number or self.lost.is_set(), _DEADLINE
            )
            if self.lost.is_set() or not answered:
                raise self._lost_error("does not answer")
            return FarmState(dict(self._state.places), dict(self._state.resources))

    def told_holder(self, place: str) -> str:
        """Return who has `place`, by what the coordinator told last; empty if nobody has it."""
        with self._news:
            known = self._state.places.get(place)
            return known.holder if known else ""

    def reserve(self, filters: Mapping[str, str], priority: float) -> Any:
        """Return a new reservation of a place with the tags `filters`; `name` is its name."""
        group = self._protocol.message("Reservation.Filter", filter=dict(filters))
        answer = self._call("CreateReservation", filters={"main": group}, prio=priority)
        return answer.reservation

    def poll(self, token: str) -> Any:
        """Return a reservation; without that, the coordinator drops it after a minute."""
        return self._call("PollReservation", token=token).reservation

    def reservations(self) -> list[Any]:
        """Return all reservations."""
        return list(self._call("GetReservations").reservations)

    def cancel(self, token: str) -> None:
        """Cancel a reservation; one that the coordinator does not know is not an error."""
        with suppress(RefusedError):
            self._call("CancelReservation", token=token)

    def acquire(self, place: str) -> None:
        """Acquire `place`; raises `RefusedError`."""
        self._call("AcquirePlace", _ACQUIRE_DEADLINE, placename=place)

    def release(self, place: str, holder: str) -> None:
        """Release `place` if `holder` has it."""
        self._call("ReleasePlace", _ACQUIRE_DEADLINE, placename=place, fromuser=holder)

    def _call(self, method: str, timeout: float = _DEADLINE, **fields: Any) -> Any:
        try:
            return self._protocol.call(method, timeout, **fields)
        except ValueError as error:  # grpc's, for a closed channel
            raise self._lost_error("the connection is closed") from error
        except grpc.RpcError as error:
            code, details = error.code(), str(error.details())
            # The call came over a new connection, whose session the coordinator does not know.
            if code in LOST or code is grpc.StatusCode.UNKNOWN or _NO_SESSION in details:
                raise self._lost_error(f"does not answer: {code.name} {details}") from error
            raise RefusedError(details, where=self.where) from error

    def _check_listening(self) -> None:
        """Fail at once if nobody listens: gRPC would try again until its deadline."""
        try:
            socket.create_connection(split_address(self.address, PORT), _DEADLINE).close()
        except OSError as error:
            raise CoordinatorLostError(
                f"cannot be reached: {error}",
                where=self.where,
                remedy=f"does labgrid-coordinator run there? Otherwise {_NAME}",
            ) from error

    def _described(self) -> Protocol:
        try:
            grpc.channel_ready_future(self._channel).result(_DEADLINE)
        except grpc.FutureTimeoutError as error:
            raise CoordinatorLostError(
                f"accepts the connection, but says nothing in gRPC for {_DEADLINE:g} s",
                where=self.where,
                remedy="if it is labgrid-coordinator, it hangs: see its log, and start it again. "
                "Those of labgrid 24 and earlier speak another protocol",
            ) from error
        return Protocol(self._channel, self.where, _DEADLINE)

    def _open_stream(self) -> Any:
        """Start the session, and a thread that follows the coordinator's messages."""
        self._requests.put(self._message("startup", version=VERSION, name=self.name))
        self._requests.put(self._message("subscribe", all_places=True))
        self._requests.put(self._message("subscribe", all_resources=True))
        stream = self._protocol.stream("ClientStream", self._sent())
        threading.Thread(target=self._follow, args=(stream,), daemon=True).start()
        return stream

    def _sent(self) -> Iterator[Any]:
        while (request := self._requests.get()) is not None:
            yield request

    def _follow(self, stream: Any) -> None:
        try:
            for message in stream:
                with self._news:
                    for update in message.updates:
                        self._state.update(update)
                    if message.HasField("sync"):
                        self._answered = message.sync.id
                    self._news.notify_all()
        except grpc.RpcError:
            return
        finally:
            self.lost.set()
            self._requests.put(None)
            with self._news:
                self._news.notify_all()

    def _message(self, kind: str, **fields: Any) -> Any:
        names = {"sync": "Sync", "startup": "StartupDone", "subscribe": "Subscribe"}
        inner = self._protocol.message(names[kind], **fields)
        return self._protocol.message("ClientInMessage", **{kind: inner})

    def _lost_error(self, what: str) -> CoordinatorLostError:
        return CoordinatorLostError(
            what, where=self.where, remedy="does labgrid-coordinator run there?"
        )
