"""USB OTG of the STM32 without a cable: what bring-up code waits for."""

import pytest

from harness.simulator.peripherals.stm32_otg import F4_FULL_SPEED, Otg

GOTGCTL, GAHBCFG, GUSBCFG, GRSTCTL, GINTSTS, GINTMSK = 0x00, *range(0x08, 0x1C, 4)
CID, HPRT, HCCHAR0, HCINT0 = 0x3C, 0x440, 0x500, 0x508
DCTL, DIEPMSK, DAINT, DAINTMSK, DIEPCTL1, DIEPINT1 = 0x804, 0x810, 0x818, 0x81C, 0x920, 0x928
HOST, IN_ENDPOINT = 1, 1 << 18


class Stand:
    """A core and the level of its interrupt."""

    def __init__(self) -> None:
        self.level = False
        self.otg = Otg(self.drive, F4_FULL_SPEED)

    def drive(self, level: bool) -> None:
        self.level = level

    def write(self, **registers: int) -> None:
        for name, value in registers.items():
            self.otg.write(globals()[name], value)

    def read(self, offset: int) -> int:
        return self.otg.read(offset)


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.mark.parametrize("action", [1 << 0, 1 << 1, 1 << 4, 1 << 5 | 0x10 << 6])
def test_resets_and_flushes_end_at_once(stand: Stand, action: int) -> None:
    stand.write(GRSTCTL=action)
    assert stand.read(GRSTCTL) == 1 << 31 | action & 0x7C0


def test_it_is_a_device_until_firmware_forces_it(stand: Stand) -> None:
    assert stand.read(GOTGCTL) & 1 << 16
    assert not stand.read(GINTSTS) & HOST
    stand.write(GUSBCFG=1 << 29)
    assert stand.read(GINTSTS) & HOST
    stand.write(GUSBCFG=1 << 30)
    assert not stand.read(GINTSTS) & HOST


def test_it_tells_what_it_is(stand: Stand) -> None:
    stand.write(CID=0)
    assert stand.read(CID) == 0x1200
    assert stand.read(0x40) == 0x4F54_281A


def test_no_device_is_ever_connected(stand: Stand) -> None:
    stand.write(GUSBCFG=1 << 29, HPRT=1 << 12 | 1 << 1)
    assert stand.read(HPRT) == 1 << 12


def test_a_disabled_endpoint_ends(stand: Stand) -> None:
    stand.write(GAHBCFG=1, GINTMSK=IN_ENDPOINT, DIEPMSK=2, DAINTMSK=2)
    stand.write(DIEPCTL1=1 << 31 | 1 << 27)
    assert stand.read(DIEPCTL1) == 1 << 31 | 1 << 17
    assert not stand.level
    stand.write(DIEPCTL1=1 << 31 | 1 << 30)
    assert stand.read(DIEPCTL1) == 1 << 17
    assert stand.read(DIEPINT1) & 2
    assert stand.read(DAINT) == 2
    assert stand.level
    stand.write(DIEPINT1=2)
    assert not stand.level


def test_a_halted_channel_ends(stand: Stand) -> None:
    stand.write(HCCHAR0=1 << 31 | 1 << 30 | 0x40)
    assert stand.read(HCCHAR0) == 0x40
    assert stand.read(HCINT0) == 2


def test_global_naks_take_effect(stand: Stand) -> None:
    stand.write(DCTL=1 << 9 | 1 << 1)
    assert stand.read(DCTL) == 1 << 3 | 1 << 1
    assert stand.read(GINTSTS) & 1 << 7
    stand.write(DCTL=1 << 10)
    assert stand.read(DCTL) == 0
    assert not stand.read(GINTSTS) & 1 << 7


def test_fifos_keep_nothing(stand: Stand) -> None:
    stand.otg.write(0x1000, 0x1234)
    assert stand.read(0x1000) == 0
