"""What the table and the report say of a place."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from harness.results.farm.farm_status import PlaceStatus

SINCE = "since: the last change of a place, such as a new tag; the holder may have had it longer"


def used_by(place: PlaceStatus, zone: tzinfo | None = None) -> Sequence[str]:
    """Return who has the place, and since when; see `SINCE`."""
    if place.holder_is_gone:
        return *_parts(place.holder), "holder is gone, swept", "at the next run"
    if place.holder:
        return *_parts(place.holder), f"since {when(place.changed, zone)}"
    if place.reserved_for:
        return "reserved for", place.reserved_for
    if place.has_no_exporter:
        return ("no exporter",)
    if place.changed:
        return ("free",)
    return ("on the desk",) if place.on_desk else ("not known",)


def _parts(holder: str) -> Sequence[str]:
    """Return who has a place, and its process if the name tells it."""
    who, _, process = holder.partition(" (")
    return (who, process.removesuffix(")")) if process else (who,)


def tags_of(place: PlaceStatus) -> str:
    """Return the tags of the place."""
    return " ".join(f"{key}={value}" for key, value in sorted(place.tags.items()))


def exporters_of(place: PlaceStatus) -> Sequence[str]:
    """Return the exporters of the place; a mark says that one of them has a problem."""
    if not place.exporters:
        return ("none",) if place.changed else ()
    return [f"{'✗ ' * bool(each.problem)}{each.name}" for each in place.exporters]


def last_run(place: PlaceStatus, zone: tzinfo | None = None) -> Sequence[str]:
    """Return the newest run at the place: its Record, or that it failed."""
    if failed := place.failed:
        return f"{failed.model} ✗ error", shown_time(failed.time, zone)
    if place.last_record is None:
        return ("none",)
    last = place.last_record
    return f"{last.model} {last.verdict}", when(last.started, zone)


def when(time: str, zone: tzinfo | None = None) -> str:
    """Return an ISO time to the minute, in `zone` or in this machine's time zone."""
    return shown_time(datetime.fromisoformat(time), zone)


def shown_time(time: datetime, zone: tzinfo | None = None) -> str:
    """Return a time to the minute, in `zone` with its name, or in this machine's time zone."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}{f' {zone}' if zone else ''}"
