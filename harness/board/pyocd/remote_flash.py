"""Programs flash through a remote probe: few round trips, whatever the size of the image."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.flash.flash import Flash

from harness.board.pyocd.flash_job import Call, FlashJob
from harness.board.pyocd.remote_memory import read_memory
from harness.elf import Segment

_FLASH_SECONDS, _CALL_SECONDS = 30.0, 2.0  # for all, and in addition for each call
_INIT_ERASE, _INIT_PROGRAM = Flash.Operation.ERASE.value, Flash.Operation.PROGRAM.value
_MOST_CALLS = 256  # in one table
_FRAME = 2  # calls that begin and end an operation
_FEW_PAGES = 2  # that fit into RAM; with less, pyOCD's way is as fast


class _Page(NamedTuple):
    address: int
    data: bytes


class _Changes(NamedTuple):
    """Sectors to erase, and what to program then."""

    sectors: list[int]
    pages: list[_Page]


def can_program(session: Session, segments: Sequence[Segment]) -> bool:
    """Return whether `program` can: with one flash region whose algorithm is an ordinary one."""
    regions = {session.target.memory_map.get_region_for_address(s.address) for s in segments}
    if len(regions) != 1:
        return False
    (region,) = regions
    flash = region.flash
    kind = type(flash)
    ordinary = all(
        getattr(kind, name) is getattr(Flash, name)
        for name in ("init", "uninit", "erase_sector", "program_page", "get_sector_info")
    )
    readable = region.is_readable and region.are_erased_sectors_readable
    if not (ordinary and readable and not region.has_subregions):
        return False
    return region.page_size <= region.sector_size and _room(session, flash) is not None


def program(session: Session, segments: Sequence[Segment], step: Callable[[float], None]) -> None:
    """Program the sectors that `segments` change, and keep what else is in them.

    `step` is called with the progress, 0 to 1, first of erasing and then of programming. Raises
    pyOCD's errors.
    """
    flash = session.target.memory_map.get_region_for_address(segments[0].address).flash
    step(0.0)
    changes = _changes(session, flash, segments)
    if changes.sectors:
        _apply(session, flash, changes, step)
    if not changes.pages:
        step(1.0)
        step(0.0)
        step(1.0)


def _changes(session: Session, flash: Any, segments: Sequence[Segment]) -> _Changes:
    region = flash.region
    sectors, pages = [], []
    for address, present in _contents(session, region, segments):
        wanted = bytearray(present)
        for segment in segments:
            _overlay(wanted, address, segment)
        if wanted == present:
            continue
        sectors.append(address)
        for begin in range(0, len(wanted), region.page_size):
            data = bytes(wanted[begin : begin + region.page_size])
            if not region.is_data_erased(data):
                page = address + begin
                pages.append(_Page(page, bytes(flash.override_security_bits(page, list(data)))))
    return _Changes(sectors, pages)


def _contents(
    session: Session, region: Any, segments: Sequence[Segment]
) -> Iterator[tuple[int, bytes]]:
    """Yield the address and the contents of each sector with `segments`."""
    size = region.sector_size
    found: set[int] = set()
    for segment in segments:
        first = segment.address - (segment.address - region.start) % size
        found.update(range(first, segment.address + len(segment.data), size))
    for sectors in _adjacent(sorted(found), size):
        data = read_memory(session, sectors[0], len(sectors) * size)
        for index, address in enumerate(sectors):
            yield address, data[index * size : (index + 1) * size]


def _adjacent(addresses: Sequence[int], size: int) -> list[list[int]]:
    """Return the sorted `addresses` of blocks, those in one piece of memory together."""
    groups: list[list[int]] = []
    for address in addresses:
        if groups and groups[-1][-1] + size == address:
            groups[-1].append(address)
        else:
            groups.append([address])
    return groups


def _overlay(wanted: bytearray, address: int, segment: Segment) -> None:
    """Put the part of `segment` that lies in the sector at `address` into its contents."""
    begin = max(segment.address, address)
    end = min(segment.address + len(segment.data), address + len(wanted))
    if begin < end:
        data = segment.data[begin - segment.address : end - segment.address]
        wanted[begin - address : end - address] = data


def _room(session: Session, flash: Any) -> range | None:
    """Return the RAM that the algorithm does not use; None if there is too little."""
    code = flash.flash_algo
    region = session.target.memory_map.get_region_for_address(code["load_address"])
    if region is None or not region.is_ram:
        return None
    page = flash.region.page_size
    analyzer = [code["analyzer_address"] + 0x600] if flash.use_analyzer else []
    used = max(
        flash.end_flash_algo,
        flash.begin_stack,
        flash.static_base,
        *(buffer + page for buffer in flash.page_buffers),
        *analyzer,
    )
    begin = -(-used // 16) * 16
    job = FlashJob(flash, begin, _MOST_CALLS)
    if job.buffer + _FEW_PAGES * page > region.end + 1:
        return None
    return range(begin, region.end + 1)


def _apply(session: Session, flash: Any, changes: _Changes, step: Callable[[float], None]) -> None:
    room = _room(session, flash)
    if room is None:
        raise exceptions.FlashFailure("there is too little RAM for the flash algorithm")
    job = FlashJob(flash, room.start, _MOST_CALLS)
    job.prepare()
    calls = _erasing(flash, changes.sectors)
    count = min((room.stop - job.buffer) // flash.region.page_size, _MOST_CALLS - _FRAME)
    for done in range(0, len(changes.pages), count):
        pages = changes.pages[done : done + count]
        programming = _programming(flash, pages, job.buffer)
        if len(calls) + len(programming) > _MOST_CALLS:
            _run(job, calls)
            calls = []
        session.target.write_memory_block8(job.buffer, b"".join(page.data for page in pages))
        _run(job, calls + programming)
        calls = []
        if not done:
            step(1.0)
            step(0.0)
        step((done + len(pages)) / len(changes.pages))
    _run(job, calls)
    flash.restore_target()


def _run(job: FlashJob, calls: list[Call]) -> None:
    for begin in range(0, len(calls), _MOST_CALLS):
        part = calls[begin : begin + _MOST_CALLS]
        job.run(part, _FLASH_SECONDS + _CALL_SECONDS * len(part))


def _erasing(flash: Any, sectors: Sequence[int]) -> list[Call]:
    function = flash.flash_algo["pc_erase_sector"]
    failure = exceptions.FlashEraseFailure
    calls = [Call(function, (address, 0, 0), failure, address) for address in sectors]
    return _framed(flash, _INIT_ERASE, calls)


def _programming(flash: Any, pages: Sequence[_Page], buffer: int) -> list[Call]:
    function = flash.flash_algo["pc_program_page"]
    failure = exceptions.FlashProgramFailure
    calls = []
    for page in pages:
        calls.append(Call(function, (page.address, len(page.data), buffer), failure, page.address))
        buffer += len(page.data)
    return _framed(flash, _INIT_PROGRAM, calls)


def _framed(flash: Any, operation: int, calls: list[Call]) -> list[Call]:
    """Return `calls` between those that begin and end an operation, if the algorithm has them."""
    begin, end = (
        [Call(flash.flash_algo[name], arguments, exceptions.FlashFailure)]
        if flash._is_api_valid(name)
        else []
        for name, arguments in (
            ("pc_init", (flash.region.start, 0, operation)),
            ("pc_unInit", (operation, 0, 0)),
        )
    )
    return [*begin, *calls, *end]
