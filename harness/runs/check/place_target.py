"""Which target the board at a place is: a person, a target file or the place's tags say it."""

import sys
from collections.abc import Iterator

from harness.board.derivations import derivations
from harness.board.labgrid.ask_farm import ask_farm
from harness.board.labgrid.farm_state import Place
from harness.board.labgrid.place_choice import PlaceChoice
from harness.errors import InputError
from harness.target.find_target import find_target, list_targets, load_target
from harness.target.target_file import Labgrid, Target
from harness.workspace import Workspace

TARGET_TAG, CHIP_TAG = "target", "chip"


def target_of(place: Place, workspace: Workspace, pack: str = "") -> Target:
    """Return the target of `place`; `InputError` if nothing says what it is.

    A target file of a farm comes first, if it names the place; then one whose tags fit; then the
    place's own tags `target` and `chip`. `pack` is the path of a CMSIS pack for the chip.
    """
    files = list(_of_farms(workspace))
    for target, choice in sorted(files, key=lambda each: not each[1].name):
        if choice.fits(place):
            return target
    known = derivations(pack=pack, roots=workspace.targets)
    for tag, prefix in ((TARGET_TAG, ""), (CHIP_TAG, "chip:")):
        if value := place.tags.get(tag):
            return find_target(f"{prefix}{value}", workspace.targets, known)
    raise InputError(
        "nothing says which target it is",
        where=f"place {place.name}",
        remedy=f"give --target=NAME, or the place a tag: labgrid-client -p {place.name} set-tags "
        f"{TARGET_TAG}=NAME, or {CHIP_TAG}=NAME with pyOCD's name of the chip",
    )


def target_at(place: str, coordinator: str, pack: str, workspace: Workspace) -> str:
    """Return the name of the target at `place`, a name or tags; a line on stderr says it.

    Raises `InputError` if nothing says it, or the places with these tags have several, and the
    errors of `ask_farm`.
    """
    choice = PlaceChoice.parse(place)
    farm = ask_farm(coordinator)
    fitting = choice.fitting(farm.state.places.values(), f"coordinator {farm.coordinator}")
    names = {each.name: target_of(each, workspace, pack).name for each in fitting}
    first, *others = dict.fromkeys(names.values())
    if others:
        raise InputError(
            "has places of several targets: "
            + ", ".join(f"{each} ({name})" for each, name in names.items()),
            where=f"--place={place}",
            remedy="name one with --target, or a place",
        )
    print(f"place {', '.join(names)}: the target is {first}", file=sys.stderr)
    return first


def _of_farms(workspace: Workspace) -> Iterator[tuple[Target, PlaceChoice]]:
    """Yield the targets whose files name a place, or tags."""
    for path in list_targets(workspace.targets).values():
        try:
            target = load_target(path)
        except InputError:
            continue  # `harness list targets` shows why
        board = target.board
        if isinstance(board, Labgrid) and (board.place or board.tags):
            yield target, PlaceChoice(board.place, board.tags)
