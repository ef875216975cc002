"""A board of a farm: it acquires a place at its first start, and releases it when it is closed."""

from importlib.metadata import version as package_version

import msgspec

from harness.board.board import Diagnosis
from harness.board.board_options import BoardOptions
from harness.board.device_info import DeviceInfo
from harness.board.labgrid.acquired_place import AcquiredPlace
from harness.board.labgrid.acquiring import Wanted, free_places
from harness.board.labgrid.coordinator import chosen_address
from harness.board.labgrid.farm_state import FarmState, Place
from harness.board.labgrid.place_choice import PlaceChoice
from harness.board.labgrid.place_power import power_of
from harness.board.labgrid.place_resources import (
    NeededResources,
    needed,
    probe_address,
    serial_address,
)
from harness.board.labgrid.session_name import own_name
from harness.board.labgrid.session_places import SessionPlaces
from harness.board.pyocd.power_cycle import PowerCycle
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.errors import InfrastructureError, InputError
from harness.image.build import Image
from harness.link.carrier import Carrier
from harness.support.progress import Progress
from harness.target.target_file import Labgrid, Target

_HANDOVER = 15.0
"""Seconds in which a session that has lost its place leaves the probe, which it locks."""


class LabgridBoard(PyocdBoard):
    """A board behind a probe whose addresses are those of a place."""

    def __init__(
        self, target: Target, board: Labgrid, progress: Progress, options: BoardOptions
    ) -> None:
        super().__init__(target, board, progress, max(options.lock_timeout, _HANDOVER))
        self._wanted_board = board
        self._address = chosen_address(options.coordinator, board.coordinator)
        self._session_places = SessionPlaces(options.places)
        self._session_places.join(own_name())
        self._wanted = Wanted(
            choice=_choice(target, board, options.place),
            priority=board.priority if options.priority is None else options.priority,
            wait=options.lock_timeout,
            check=self._needed,
            say=progress.say,
            session=self._session_places,
        )
        self._place: AcquiredPlace | None = None
        self._device: DeviceInfo | None = None

    @property
    def version(self) -> str:
        """The version of pyOCD, and the place; the addresses may change with every start."""
        place = self._device.place if self._device else self._wanted.choice
        return f"pyOCD {package_version('pyocd')}, place {place}"

    @property
    def device(self) -> DeviceInfo | None:
        """The place and its exporter, and the chip's unique ID once it was read."""
        away = round(self._place.seconds_away, 1) if self._place else 0.0
        return self._device and msgspec.structs.replace(
            self._device, chip_id=self._told.chip_id, coordinator_lost=away
        )

    def start(self, image: Image) -> Carrier:
        """Acquire a place at the first start; then do as a board behind a probe does."""
        if self._place is None:
            self._place = AcquiredPlace(self._address, self._wanted, self._progress.warn)
            self._device = DeviceInfo(place=self._place.name)  # errors are about this one
            self._take_addresses(self._place)
        self._place.check()
        try:
            return super().start(image)
        except InfrastructureError as error:
            place = f"place {self._place.name}"
            if not error.where.startswith(place):
                error.where = f"{place}: {error.where}" if error.where else place
            raise

    def check(self, unanswered: int = 0) -> None:
        """Raise `PlaceInUseError` if others have the place; or else see `PyocdBoard`."""
        if self._place is not None:
            self._place.check()
        super().check(unanswered)

    def bracket(self, count: int = 1) -> None:
        """Check, between two inferences, that this session still has the place; return None."""
        if self._place is not None:
            self._place.check()
        super().bracket(count)

    def diagnosis(self) -> Diagnosis:
        """Return where the core was, unless it is for others now."""
        if self._place is not None and self._place.why_lost:
            return Diagnosis()
        return super().diagnosis()

    def close(self) -> None:
        """Disconnect, and release the place."""
        try:
            super().close()
        finally:
            place, self._place = self._place, None
            if place is not None:
                place.release()

    def _power_cycle(self) -> PowerCycle | None:
        """Return the command of the target file, or else the power switch of the place.

        The command belongs to the place in the file, and the option may name another one. A place
        is not power cycled while the coordinator is away.
        """
        of_file = self._wanted.choice.name == self._wanted_board.place
        if of_file and (cycle := super()._power_cycle()) is not None:
            return cycle
        if self._place is None:
            return None
        try:
            place, state = self._place.state()
        except InfrastructureError:  # it grants the switch
            return None
        resources = state.resources_of(place)
        return power_of(place.name, resources, self._address, own_name())

    def free_places(self) -> int:
        """Return how many places this session could take now."""
        return free_places(self._address, self._wanted)

    def leave(self, why: str) -> bool:
        """Release the place and leave it out of the session; False if no other one fits."""
        if self._place is None:
            return False
        if not self._has_another(self._place):
            if self._wanted.choice.tags:
                self._progress.warn(f"no other place with {self._wanted.choice} is left")
            return False
        self._session_places.leave_out(self._place.name, why)
        self.close()
        return True

    def take_back(self, place: str) -> None:
        """Use `place` again, which was left out."""
        self._session_places.take_back(place)

    def _has_another(self, acquired: AcquiredPlace) -> bool:
        try:
            _, state = acquired.state()
        except InfrastructureError:  # nobody lends another one
            return False
        places = self._wanted.choice.fitting(state.places.values(), self._address)
        return any(
            place.name != acquired.name and self._wanted.fault(place, state) is None
            for place in places
        )

    def _needed(self, place: Place, state: FarmState) -> NeededResources:
        over_rtt = self._target.port.over_rtt
        return needed(place, state.resources_of(place), self._wanted_board, over_rtt=over_rtt)

    def _take_addresses(self, acquired: AcquiredPlace) -> None:
        """Read the addresses: exporters start ser2net when its resource is acquired."""
        place, state = acquired.state()
        probe, serial = self._needed(place, state)
        self._board = msgspec.structs.replace(
            self._wanted_board,
            probe=probe_address(place.name, probe),
            serial=""
            if serial is None
            else serial_address(place.name, serial, self._target.port.baud),
        )
        self._device = DeviceInfo(place=place.name, exporter=probe.exporter)


def _choice(target: Target, board: Labgrid, option: str) -> PlaceChoice:
    """Return the place of the option `--place`, or of the target file."""
    if option:
        return PlaceChoice.parse(option)
    if bool(board.place) == bool(board.tags):
        raise InputError(
            "has both a place and tags" if board.place else "names neither a place nor tags",
            where=f"{target.path}: board",
            remedy='write place = "NAME" or tags = { chip = "…" }, or use --place',
        )
    return PlaceChoice(board.place, board.tags)
