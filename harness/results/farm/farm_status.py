"""The status of a farm's places: what its coordinator says, the last Records, and the checks."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import msgspec

from harness.board.labgrid.farm_state import FarmState, Match, Place
from harness.board.labgrid.session_name import has_ended, shown_name
from harness.results.farm.failed_runs import FailedRun
from harness.results.store.store import Entry
from harness.runs.check.check_result import BoardCheck


class ExporterState(msgspec.Struct, frozen=True):
    """An exporter of a place."""

    name: str
    """Name of the exporter, or the pattern of the place for it."""
    present: bool
    """Whether the coordinator has its resources."""
    resources: list[str] = []
    """Names of its resources in the place. It is empty if none of them fits."""
    unavailable: list[str] = []
    """Those of them that are not available: they are not plugged in, for example."""

    @property
    def problem(self) -> str:
        """What keeps the place from being used; empty if nothing is known."""
        if not self.present:
            return f"{self.name} is absent"
        if not self.resources:
            return f"{self.name} offers nothing for it"
        if self.unavailable:
            return f"{', '.join(self.unavailable)} of {self.name} is not available"
        return ""


class LastRecord(msgspec.Struct, frozen=True):
    """The newest Record of a place."""

    id: str
    """Name of its file, without the suffix."""
    started: str
    """When the run was recorded, ISO 8601 with the time zone."""
    target: str
    """Name of the target."""
    model: str
    """Name of the model."""
    verdict: str
    """`passed` or `failed`."""


class PlaceStatus(msgspec.Struct, frozen=True):
    """A place. What the coordinator says is empty if it was not asked."""

    name: str
    """Name of the place. For a board on the desk, it is that of the target."""
    aliases: list[str] = []
    """Other names of the place."""
    tags: dict[str, str] = {}
    """Tags of the place."""
    holder: str = ""
    """The session that has acquired the place. It is empty if the place is free."""
    holder_is_gone: bool = False
    """Whether the holder was a session of this user on this machine, and its process has ended. The
    next session releases the place.
    """
    reserved_for: str = ""
    """The session that has reserved the place, and has not acquired it yet."""
    changed: str = ""
    """When the place was changed the last time, ISO 8601 with the time zone. Its holder has had it
    since then or longer.
    """
    exporters: list[ExporterState] = []
    """Exporters of the place."""
    last_record: LastRecord | None = None
    """The newest Record of the place."""
    last_failure: FailedRun | None = None
    """The newest run at the place that ended with an infrastructure error, on this machine."""
    health: BoardCheck | None = None
    """The newest check of the board on this machine."""

    @property
    def problem(self) -> str:
        """What keeps the place from being used; empty if nothing is known."""
        return "; ".join(each.problem for each in self.exporters if each.problem)

    @property
    def failed(self) -> FailedRun | None:
        """The failed run, if no run has finished at the place since."""
        failed, last = self.last_failure, self.last_record
        if failed is None or (last and datetime.fromisoformat(last.started) > failed.time):
            return None
        return failed

    @property
    def has_no_exporter(self) -> bool:
        """Whether the coordinator was asked, and no exporter of the place is connected."""
        return bool(self.changed) and not any(each.present for each in self.exporters)

    @property
    def on_desk(self) -> bool:
        """Whether it is a board on the desk instead."""
        return self.health is not None and not self.health.place


class FarmStatus(msgspec.Struct, frozen=True):
    """The places of a farm, as they were when its coordinator was asked, and boards on the desk."""

    coordinator: str
    """Address of the coordinator. It is empty if none was asked."""
    asked: str
    """When it was asked, ISO 8601 with the time zone."""
    places: list[PlaceStatus]
    """The places, by name."""
    not_repeated: list[FailedRun] = []
    """Runs of this machine that ended with an infrastructure error, and did not run again since."""

    @property
    def not_healthy(self) -> list[PlaceStatus]:
        """The places whose boards were checked, and are not healthy."""
        return [place for place in self.places if place.health and not place.health.healthy]


def on_desk(checks: Iterable[BoardCheck]) -> list[PlaceStatus]:
    """Return the boards of `checks` that are at no place."""
    return [PlaceStatus(check.target, health=check) for check in checks if not check.place]


def status_of(
    coordinator: str, state: FarmState, reservers: Mapping[str, str], now: datetime
) -> FarmStatus:
    """Return what the coordinator says; `reservers` are the owners of reservations, by token."""
    return FarmStatus(
        coordinator,
        now.isoformat(timespec="seconds"),
        [_place(state.places[name], state, reservers) for name in sorted(state.places)],
    )


def with_results(
    status: FarmStatus | None,
    runs: Iterable[Entry],
    checks: Iterable[BoardCheck],
    failures: Iterable[FailedRun],
) -> FarmStatus:
    """Return `status` with the newest of `runs`, `checks` and `failures` of each place.

    Without a `status`, the places are those of the runs, checks and failures. The failures are
    sorted by their time.
    """
    newest: dict[str, Entry] = {}
    for run in sorted(runs, key=lambda entry: entry.started):
        newest[run.place] = run
    health = {check.place: check for check in checks if check.place}
    failed = {failure.place: failure for failure in failures if failure.place}
    names = sorted(newest.keys() | health.keys() | failed.keys())
    status = status or FarmStatus("", "", [PlaceStatus(name) for name in names])
    places = [
        msgspec.structs.replace(
            place,
            last_record=_record(newest[place.name]) if place.name in newest else None,
            last_failure=failed.get(place.name),
            health=health.get(place.name),
        )
        for place in status.places
    ]
    return msgspec.structs.replace(status, places=places)


def _place(place: Place, state: FarmState, reservers: Mapping[str, str]) -> PlaceStatus:
    owner = "" if place.holder else reservers.get(place.reservation, "")
    changed = datetime.fromtimestamp(place.changed).astimezone()
    return PlaceStatus(
        name=place.name,
        aliases=list(place.aliases),
        tags=dict(place.tags),
        holder=shown_name(place.holder) if place.holder else "",
        holder_is_gone=bool(place.holder) and has_ended(place.holder),
        reserved_for=shown_name(owner) if owner else "",
        changed=changed.isoformat(timespec="seconds"),
        exporters=_exporters(place, state),
    )


def _exporters(place: Place, state: FarmState) -> list[ExporterState]:
    """Return the exporters of `place`: those that offer something, and those that do not."""
    offered: dict[str, list[str]] = {}
    unavailable: dict[str, list[str]] = {}
    for name, resource in sorted(state.resources_of(place).items()):
        offered.setdefault(resource.exporter, []).append(name)
        if not resource.available:
            unavailable.setdefault(resource.exporter, []).append(name)
    found = [
        ExporterState(name, present=True, resources=names, unavailable=unavailable.get(name, []))
        for name, names in offered.items()
    ]
    present = {resource.exporter for resource in state.resources.values()}
    lacking = {match.exporter for match in place.matches if not _is_offered(match, state)}
    for pattern in sorted(lacking - offered.keys()):
        connected = any(fnmatchcase(name, pattern) for name in present)
        found.append(ExporterState(pattern, present=connected))
    return found


def _is_offered(match: Match, state: FarmState) -> bool:
    return any(match.fits(resource) for resource in state.resources.values())


def _record(run: Entry) -> LastRecord:
    started = run.started if run.started.tzinfo else run.started.replace(tzinfo=UTC)
    return LastRecord(run.id, started.isoformat(), run.target, run.model, run.verdict)
