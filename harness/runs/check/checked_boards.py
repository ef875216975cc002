"""The boards to check: places of a farm, or the board on this desk."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from harness.board.board_options import BoardOptions, check_usable
from harness.board.derivations import derivations
from harness.board.labgrid.ask_farm import ask_farm
from harness.board.labgrid.farm_state import Place
from harness.board.labgrid.place_choice import PlaceChoice, PlaceInUseError
from harness.board.labgrid.session_name import has_ended
from harness.errors import HarnessError, InputError
from harness.runs.check.place_target import target_of
from harness.target.find_target import find_target
from harness.target.target_file import Labgrid, Target
from harness.workspace import Workspace

_CHECKED = ("probe", "pack", "serial", "renode", "place", "coordinator")


@dataclass(frozen=True)
class CheckedBoard:
    """A board to check, and how to reach it; instead of a target, it may have an error."""

    name: str
    options: BoardOptions
    target: Target | HarnessError


def find_boards(
    places: Sequence[str], target: str, given: BoardOptions, workspace: Workspace
) -> list[CheckedBoard]:
    """Return the boards at `places`, each a name or tags; or all that `target` names.

    Without places, these are the ones of its file, or the board on this desk. Without a target,
    too, all places of the coordinator are meant.
    """
    known = derivations(given.renode, given.probe, given.pack, workspace.targets)
    named = find_target(target, workspace.targets, known) if target else None
    file = named.board if named and isinstance(named.board, Labgrid) else None
    if named and not file and not places:
        return [CheckedBoard(named.name, given, _usable(named, given))]
    choices = [PlaceChoice.parse(text) for text in places]
    if file and not choices and (file.place or file.tags):
        choices = [PlaceChoice(file.place, file.tags)]
    farm = ask_farm(given.coordinator, file.coordinator if file else "")
    found = _fitting(choices, farm.state.places.values(), f"coordinator {farm.coordinator}")
    boards = []
    for place in found:
        options = replace(given, coordinator=farm.coordinator, place=place.name)
        target_or_error = _target(named, place, options, workspace)
        boards.append(CheckedBoard(place.name, options, target_or_error))
    return boards


def _fitting(choices: Sequence[PlaceChoice], places: Iterable[Place], where: str) -> list[Place]:
    """Return the places that fit, each once; without choices, all of them."""
    known = sorted(places, key=lambda place: place.name)
    if not known:
        raise InputError(
            "has no places", where=where, remedy="labgrid-client -p NAME create makes one"
        )
    if not choices:
        return known
    found = {place.name: place for choice in choices for place in choice.fitting(known, where)}
    return list(found.values())


def _target(
    named: Target | None, place: Place, options: BoardOptions, workspace: Workspace
) -> Target | HarnessError:
    """Return the target at `place`, or why it cannot be checked: the other places can be."""
    if place.holder and not has_ended(place.holder) and not options.lock_timeout:
        return PlaceInUseError(
            f"is held by {place.held}",
            where=f"place {place.name}",
            remedy="check it later, or wait for it with --lock-timeout=SECONDS",
        )
    try:
        return _usable(named or target_of(place, workspace, options.pack), options)
    except HarnessError as error:
        return error


def _usable(target: Target, options: BoardOptions) -> Target:
    every = asdict(options)
    check_usable({name: every[name] for name in _CHECKED}, [target])
    return target
