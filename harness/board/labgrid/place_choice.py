"""Which place a run may take: one by its name, or any one with some tags."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.board.labgrid.farm_state import Place
from harness.errors import InputError, InUseError
from harness.support.suggestions import suggest

_FORMS = "write a place's name, or tags: --place=chip=stm32f429xi,meter=ppk2"


class PlaceInUseError(InUseError):
    """Others have all the places that fit, or have reserved them."""


@dataclass(frozen=True)
class PlaceChoice:
    """A place by `name`, or, if that is empty, any place that has all `tags`."""

    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name or ",".join(f"{key}={value}" for key, value in self.tags.items())

    @classmethod
    def parse(cls, text: str) -> "PlaceChoice":
        """Return the choice in `text`: NAME, or KEY=VALUE,KEY=VALUE; `InputError` if neither."""
        if "=" not in text and "," not in text and text.strip():
            return cls(text.strip())
        tags = {}
        for part in text.split(","):
            key, equals, value = (each.strip() for each in part.partition("="))
            if not (key and equals and value) or key in tags:
                raise InputError(
                    f"{part!r} is not a tag of its own", where=f"place {text!r}", remedy=_FORMS
                )
            tags[key] = value
        return cls(tags=tags)

    def fits(self, place: Place) -> bool:
        """Return whether `place` has the name, as its own or as an alias, or all tags."""
        if self.name:
            return self.name == place.name or self.name in place.aliases
        return self.tags.items() <= place.tags.items()

    def fitting(self, places: Iterable[Place], where: str) -> list[Place]:
        """Return those of `places` that fit; `InputError` if there are none."""
        known = list(places)
        fitting = [place for place in known if self.name == place.name]
        fitting = fitting or [place for place in known if self.fits(place)]
        if fitting:
            return fitting
        if self.name:
            names = [place.name for place in known]
            raise InputError(
                f"has no place {self.name!r}",
                where=where,
                remedy=suggest(self.name, names)
                if names
                else "it has no places; labgrid-client -p NAME create makes one",
            )
        tagged = "; ".join(
            f"{place.name}: {', '.join(f'{key}={place.tags[key]}' for key in sorted(place.tags))}"
            for place in known
            if place.tags
        )
        raise InputError(
            f"has no place with the tags {self}",
            where=where,
            remedy=f"its places have: {tagged or 'no tags'}; "
            "labgrid-client -p NAME set-tags KEY=VALUE adds one",
        )
