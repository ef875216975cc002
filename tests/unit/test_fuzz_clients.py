"""That no hostile device breaks a rule of the clients, and that the fuzzer sees who breaks one."""

import struct
from collections import deque
from collections.abc import Callable

import pytest

from harness.link import device_log, messages
from harness.link.retries import Retries
from tests.fuzz.clients import CLIENTS, BrokenRuleError, try_link
from tests.fuzz.fake_line import EndlessError

SEEDS = 40
MANY = 600  # far more than it takes


@pytest.mark.parametrize("client", CLIENTS)
def test_a_hostile_device_gets_an_answer_or_an_error_in_time(client: str) -> None:
    endings = {CLIENTS[client](seed) for seed in range(SEEDS)}
    assert "answered" in endings
    assert len(endings) > 2  # the device is no less hostile than it should be


def test_a_seed_is_a_session() -> None:
    endings = [[try_link(seed) for seed in range(20)] for _ in range(2)]
    assert endings[0] == endings[1]


def without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_LIMITS", {})


def without_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_check_size", lambda *_, **__: None)


def with_patience_that_every_look_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retries, "left", 60.0)


def with_an_endless_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_log, "KEPT", 1 << 40)


@pytest.mark.parametrize(
    "plant",
    [
        without_limits,
        without_lengths,
        with_patience_that_every_look_renews,
        with_an_endless_log,
    ],
)
def test_the_fuzzer_finds_a_planted_bug(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises((BrokenRuleError, EndlessError, struct.error)):
        deque(map(try_link, range(MANY)))
