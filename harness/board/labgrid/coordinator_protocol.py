"""The messages of labgrid's coordinator, as the coordinator itself describes them.

A coordinator answers gRPC's server reflection, and the harness uses what it says. labgrid's own
client would do this too. But it comes with `pyserial-labgrid`, which replaces files of `pyserial`,
and the harness needs those; it takes 77 MB, where gRPC alone takes 20 MB. If a coordinator of
another version has another protocol, its description lacks something, and the error names it.
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from harness.errors import InfrastructureError

VERSION = "26.0.1"
"""The version of labgrid whose protocol this is; 25.0.1 was tested, too. 24 did not use gRPC."""

LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
"""What gRPC reports if there is no answer."""

_SERVICE = "labgrid.Coordinator"
_METHODS = (
    "AcquirePlace",
    "CancelReservation",
    "ClientStream",
    "CreateReservation",
    "GetReservations",
    "PollReservation",
    "ReleasePlace",
)
_FIELDS = {
    "AcquirePlaceRequest": ("placename",),
    "CancelReservationRequest": ("token",),
    "ClientInMessage": ("startup", "subscribe", "sync"),
    "ClientOutMessage": ("sync", "updates"),
    "CreateReservationRequest": ("filters", "prio"),
    "Place": ("acquired", "acquired_resources", "aliases", "changed", "matches", "name", "tags"),
    "PollReservationRequest": ("token",),
    "ReleasePlaceRequest": ("fromuser", "placename"),
    "Reservation": ("allocations", "created", "filters", "owner", "state", "token"),
    "Resource": ("avail", "cls", "extra", "params", "path"),
    "ResourceMatch": ("cls", "exporter", "group", "name", "rename"),
    "UpdateResponse": ("del_place", "del_resource", "place", "resource"),
}
"""What the harness uses."""


class CoordinatorLostError(InfrastructureError):
    """The coordinator cannot be reached, or the connection to it is gone."""


class Protocol:
    """Calls and messages of the coordinator at the other end of `channel`, by their names."""

    def __init__(self, channel: grpc.Channel, where: str, timeout: float) -> None:
        """Ask the coordinator; `InfrastructureError` if it is another program or version."""
        self._channel = channel
        self._pool = descriptor_pool.DescriptorPool()
        for file in _files(channel, where, timeout):
            self._pool.Add(file)
        try:
            self._service = self._pool.FindServiceByName(_SERVICE)
            missing = self._missing()
        except KeyError as error:  # a whole message
            missing = [str(error).strip("\"'")]
        if missing:
            raise InfrastructureError(
                f"speaks another version of labgrid's protocol: it lacks {', '.join(missing)}",
                where=where,
                remedy=f"use a coordinator of labgrid 25 or 26; {VERSION} was tested",
            )

    def _missing(self) -> list[str]:
        """Return the names that the harness uses, and the coordinator does not know."""
        missing = [name for name in _METHODS if name not in self._service.methods_by_name]
        for message, fields in _FIELDS.items():
            known = self._pool.FindMessageTypeByName(f"labgrid.{message}").fields_by_name
            missing += [f"{message}.{field}" for field in fields if field not in known]
        return missing

    def message(self, name: str, /, **fields: Any) -> Any:
        """Return a message of the type `name`."""
        return self._class(self._pool.FindMessageTypeByName(f"labgrid.{name}"))(**fields)

    def call(self, method: str, timeout: float, /, **fields: Any) -> Any:
        """Return the answer to a call within `timeout` seconds; raises `grpc.RpcError`."""
        found = self._service.methods_by_name[method]
        request = self._class(found.input_type)(**fields)
        return self._stub(self._channel.unary_unary, method)(request, timeout=timeout)

    def stream(self, method: str, requests: Any) -> Any:
        """Return the answers to the iterator `requests`, as a call that can be cancelled."""
        return self._stub(self._channel.stream_stream, method)(requests)

    def _stub(self, kind: Callable[..., Any], method: str) -> Any:
        return kind(
            f"/{_SERVICE}/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=self._class(
                self._service.methods_by_name[method].output_type
            ).FromString,
        )

    def _class(self, descriptor: Any) -> Any:
        return message_factory.GetMessageClass(descriptor)


def _files(
    channel: grpc.Channel, where: str, timeout: float
) -> list[descriptor_pb2.FileDescriptorProto]:
    """Return the coordinator's description of its service."""
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=_SERVICE)
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    try:
        answers = list(stub.ServerReflectionInfo(iter([request]), timeout=timeout))
    except grpc.RpcError as error:
        kind = CoordinatorLostError if error.code() in LOST else InfrastructureError
        raise kind(
            f"does not describe its protocol: {error.code().name} {error.details()}",
            where=where,
            remedy="is it a coordinator of labgrid 25 or later? Those of labgrid 24 and earlier "
            "speak another protocol",
        ) from error
    data = [d for a in answers for d in a.file_descriptor_response.file_descriptor_proto]
    if not data:
        raise InfrastructureError(
            f"is a gRPC server, but not labgrid's coordinator: it has no {_SERVICE}",
            where=where,
            remedy="name the coordinator: --coordinator=HOST:PORT, or LG_COORDINATOR",
        )
    return [descriptor_pb2.FileDescriptorProto.FromString(each) for each in data]
