"""Places and resources of a farm, as a coordinator tells them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from harness.board.labgrid.session_name import shown_name


@dataclass(frozen=True)
class Resource:
    """What an exporter offers: a probe's server or a serial line, for example."""

    exporter: str
    group: str
    cls: str
    name: str
    available: bool
    params: Mapping[str, Any]
    extra: Mapping[str, Any]

    @classmethod
    def of(cls, message: Any) -> "Resource":
        """Return the resource in a coordinator's message."""
        path = message.path
        return cls(
            path.exporter_name,
            path.group_name,
            message.cls,
            path.resource_name,
            message.avail,
            _values(message.params),
            _values(message.extra),
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it."""
        return self.exporter, self.group, self.name


@dataclass(frozen=True)
class Match:
    """A pattern of a place; a resource that matches it belongs to the place."""

    exporter: str
    group: str
    cls: str
    name: str = ""
    rename: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.exporter, self.group, self.cls, self.name)))

    def fits(self, resource: Resource) -> bool:
        """Return whether `resource` matches."""
        return (
            fnmatchcase(resource.exporter, self.exporter)
            and fnmatchcase(resource.group, self.group)
            and fnmatchcase(resource.cls, self.cls)
            and fnmatchcase(resource.name, self.name or "*")
        )


@dataclass(frozen=True)
class Place:
    """A board of the farm, as a coordinator knows it; `holder` is empty if nobody has acquired it.

    `changed` is when it was acquired, or was changed otherwise, in seconds since 1970.
    """

    name: str
    aliases: Sequence[str]
    tags: Mapping[str, str]
    matches: Sequence[Match]
    holder: str
    reservation: str
    changed: float

    @classmethod
    def of(cls, message: Any) -> "Place":
        """Return the place in a coordinator's message."""
        return cls(
            message.name,
            tuple(message.aliases),
            dict(message.tags),
            tuple(Match(m.exporter, m.group, m.cls, m.name, m.rename) for m in message.matches),
            message.acquired,
            message.reservation,
            message.changed,
        )

    @property
    def held(self) -> str:
        """Its holder, and the time, to display."""
        since = datetime.fromtimestamp(self.changed).astimezone()
        return f"{shown_name(self.holder)}, since {since:%Y-%m-%d %H:%M:%S} or earlier"

    def name_of(self, resource: Resource) -> str:
        """Return the name of `resource` in this place; empty if it is not part of it."""
        for match in self.matches:
            if match.fits(resource):
                return match.rename or resource.name
        return ""


@dataclass
class FarmState:
    """All places by name, and all resources; updated by the coordinator's messages."""

    places: dict[str, Place] = field(default_factory=dict)
    resources: dict[tuple[str, str, str], Resource] = field(default_factory=dict)

    def update(self, message: Any) -> None:
        """Take one update of the coordinator."""
        kind = message.WhichOneof("kind")
        if kind == "place":
            self.places[message.place.name] = Place.of(message.place)
        elif kind == "del_place":
            self.places.pop(message.del_place, None)
        elif kind == "resource":
            resource = Resource.of(message.resource)
            self.resources[resource.key] = resource
        elif kind == "del_resource":
            path = message.del_resource
            self.resources.pop((path.exporter_name, path.group_name, path.resource_name), None)

    def resources_of(self, place: Place) -> dict[str, Resource]:
        """Return the resources of `place`, by their names in it."""
        return {
            name: resource
            for resource in self.resources.values()
            if (name := place.name_of(resource))
        }


def _values(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return a map of labgrid's `MapValue`s as Python's values."""
    values = {}
    for key, value in entries.items():
        kind = value.WhichOneof("kind")
        values[key] = getattr(value, kind) if kind else None
    return values
