"""What the table and the report say of a place."""

from collections.abc import Sequence
from datetime import datetime

from harness.results.farm.farm_status import PlaceStatus


def used_by(place: PlaceStatus) -> Sequence[str]:
    """Return who has the place, and since when."""
    if place.holder:
        # Each change of the place sets this time, such as a new tag.
        return place.holder, f"since {when(place.changed)} or earlier"
    if place.reserved_for:
        return "reserved for", place.reserved_for
    return ("free",) if place.changed else (_unknown(place),)


def tags_of(place: PlaceStatus) -> str:
    """Return the tags of the place."""
    return " ".join(f"{key}={value}" for key, value in place.tags.items())


def exporters_of(place: PlaceStatus) -> Sequence[str]:
    """Return the exporters of the place, or what is wrong with them."""
    if not place.exporters:
        return ("none",) if place.changed else (_unknown(place),)
    return [each.problem or each.name for each in place.exporters]


def last_run(place: PlaceStatus) -> Sequence[str]:
    """Return the newest Record of the place."""
    if place.last_record is None:
        return ("none",)
    last = place.last_record
    return f"{last.model} {last.verdict}", when(last.started)


def _unknown(place: PlaceStatus) -> str:
    """Return what is said of a place that no coordinator was asked about."""
    return "on the desk" if place.on_desk else "not known"


def when(time: str) -> str:
    """Return an ISO time in this machine's time zone, to the minute."""
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}"
