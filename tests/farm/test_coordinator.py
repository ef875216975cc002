"""What answers at the coordinator's address: nothing, something else, or another version."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection

from harness.board.labgrid import coordinator as module
from harness.board.labgrid.coordinator import Coordinator
from harness.board.labgrid.coordinator_protocol import CoordinatorLostError, _files
from harness.errors import InfrastructureError
from tests.support import labgrid_programs
from tests.support.farm import Farm, free_ports


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DEADLINE", 2.0)


@contextmanager
def server(files: list[descriptor_pb2.FileDescriptorProto]) -> Iterator[str]:
    """Run a gRPC server that describes the services of `files`, and has none of them."""
    pool = descriptor_pool.DescriptorPool()
    names = [reflection.SERVICE_NAME]
    for file in files:
        pool.Add(file)
        names += [f"{file.package}.{service.name}" for service in file.service]
    running = grpc.server(ThreadPoolExecutor(2))
    reflection.enable_server_reflection(names, running, pool=pool)
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        running.stop(0)


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if why := labgrid_programs.why_not():
        pytest.skip(why)
    farm = Farm(tmp_path_factory.mktemp("farm"), boards=0, exporters=0)
    with farm, grpc.insecure_channel(farm.address) as channel:
        (file,) = _files(channel, "", 10)
        data: bytes = file.SerializeToString()
        return data


def changed(description: bytes) -> descriptor_pb2.FileDescriptorProto:
    return descriptor_pb2.FileDescriptorProto.FromString(description)


def refused(address: str) -> InfrastructureError:
    with pytest.raises(InfrastructureError) as caught:
        Coordinator(address)
    assert caught.value.where == f"coordinator {address}"
    return caught.value


class _Ready:
    """A channel that was ready once."""

    def __init__(self, _: object) -> None:
        pass

    def result(self, _: float) -> None:
        return


def test_nobody_who_listens_is_named_at_once() -> None:
    error = refused(f"127.0.0.1:{free_ports(1)[0]}")
    assert isinstance(error, CoordinatorLostError)
    assert "cannot be reached" in error.what
    assert "LG_COORDINATOR" in error.remedy


def test_a_server_that_does_not_speak_grpc_hangs_or_is_an_old_coordinator() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=listening.accept, daemon=True).start()
        error = refused(f"127.0.0.1:{listening.getsockname()[1]}")
    assert "says nothing in gRPC for" in error.what
    assert "it hangs" in error.remedy
    assert "labgrid 24" in error.remedy


def test_a_coordinator_that_ends_while_it_describes_itself_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server([]) as address, grpc.insecure_channel("127.0.0.1:1") as closed:
        monkeypatch.setattr(grpc, "channel_ready_future", _Ready)
        monkeypatch.setattr(grpc, "insecure_channel", lambda *_, **__: closed)
        assert isinstance(refused(address), CoordinatorLostError)


def test_another_grpc_server_is_no_coordinator() -> None:
    with server([]) as address:
        error = refused(address)
    assert "not labgrid's coordinator" in error.what


def test_a_coordinator_without_a_call_is_of_another_version(description: bytes) -> None:
    file = changed(description)
    (service,) = file.service
    kept = [method for method in service.method if method.name != "CreateReservation"]
    del service.method[:]
    service.method.extend(kept)
    with server([file]) as address:
        error = refused(address)
    assert "another version of labgrid's protocol: it lacks CreateReservation" in error.what
    assert "labgrid 25 or 26" in error.remedy


def test_a_coordinator_without_a_field_is_of_another_version(description: bytes) -> None:
    file = changed(description)
    for message in file.message_type:
        for field in message.field:
            if (message.name, field.name) == ("ReleasePlaceRequest", "fromuser"):
                field.name = "from_user"
                field.json_name = "from_user"
    with server([file]) as address:
        assert "lacks ReleasePlaceRequest.fromuser" in refused(address).what


def test_a_coordinator_that_stops_answering_is_lost(description: bytes) -> None:
    with server([changed(description)]) as address:  # it knows no ClientStream
        assert isinstance(refused(address), CoordinatorLostError)


def test_a_stopped_coordinator_is_a_deadline(tmp_path: Path) -> None:
    if why := labgrid_programs.why_not():
        pytest.skip(why)
    with Farm(tmp_path, boards=0, exporters=0) as farm, Coordinator(farm.address) as known:
        farm.kill("coordinator")
        with pytest.raises(CoordinatorLostError):
            known.synchronize()
