"""The options of a run in pytest, where other plugins may have options of the same names.

Ours are declared last, after those of plugins and conftest.py files, because pytest refuses an
option that exists already. `--NAME` is also called `--harness-NAME`. If another plugin has
`--NAME`, it keeps it. An option that takes a text is shared: without `--harness-NAME`, both get the
same text. A flag is not shared.
"""

import argparse
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.options.run_options import add_run_options
from harness.pytest_plugin.pytest_internals import declared_options
from harness.support.printable import printable

# What xdist tells its workers with the other options.
_GIVEN = "harness_shared"
_WRONG = "harness_wrong"
_LONGEST = 60  # characters of a value in a message


@dataclass(frozen=True)
class _Option:
    """An option of a run, as `add_run_options` declares it."""

    title: str
    name: str
    attributes: dict[str, Any]

    @property
    def dest(self) -> str:
        return self.name.removeprefix("--").replace("-", "_")

    @property
    def long_name(self) -> str:
        return f"--harness-{self.name.removeprefix('--')}"

    @property
    def long_dest(self) -> str:
        return f"harness_{self.dest}"

    @property
    def default(self) -> object:
        return self.attributes.get("default", False if self.is_flag else None)

    @property
    def is_flag(self) -> bool:
        return bool(self.attributes.get("action") == "store_true")


@dataclass
class _Declared:
    """Where the values of our options are: the `dests`, and what is `taken` with its default."""

    dests: dict[str, str] = field(default_factory=dict)
    taken: dict[str, object] = field(default_factory=dict)


_DECLARED = pytest.StashKey[_Declared]()


def declare_last(parser: pytest.Parser, config: pytest.Config) -> None:
    """Declare every option of a run just before pytest parses the command line for good.

    No hook is called then: the last one comes before the plugins that a conftest.py names.
    """
    parse = parser.parse

    def declare_and_parse(*args: Any, **options: Any) -> Namespace:
        declare_options(parser, config)
        return parse(*args, **options)

    parser.parse = declare_and_parse  # type: ignore[method-assign]


def declare_options(parser: pytest.Parser, config: pytest.Config) -> None:
    """Declare every option of a run, unless that has been done."""
    if _DECLARED in config.stash:
        return
    declared = config.stash[_DECLARED] = _Declared()
    others = declared_options(parser)
    for option in _options():
        group = parser.getgroup(f"tinyml-harness: {option.title}")
        is_taken = option.name in others or option.dest in others.values()
        dest = declared.dests[option.dest] = option.long_dest if is_taken else option.dest
        shown = option.attributes
        if option.name in others:
            theirs = others[option.name]
            declared.taken[option.name] = getattr(config.option, theirs, None)
        else:
            group.addoption(option.name, dest=dest, **option.attributes)
            shown = shown | {"help": argparse.SUPPRESS}
        group.addoption(option.long_name, dest=dest, **shown)


def without_values(parser: pytest.Parser, args: Sequence[str], config: pytest.Config) -> list[str]:
    """Return the files and folders in `args` while our options are not declared yet.

    pytest looks for the first conftest.py files there; `--target NAME` names no folder.
    """
    ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    others = declared_options(parser)
    for option in _options():
        if option.name not in others:
            action = "store_true" if option.is_flag else "append"
            ours.add_argument(option.name, option.long_name, action=action)
    try:
        _, words = ours.parse_known_args(args)
    except argparse.ArgumentError:  # a value is missing, as pytest says later
        words = list(args)
    paths: list[str] = parser.parse_known_args(words, namespace=copy(config.option)).file_or_dir
    return paths


def own_values(config: pytest.Config) -> Namespace:
    """Return the values of our own options, without what is shared."""
    dests = config.stash[_DECLARED].dests
    return Namespace(**{ours: getattr(config.option, dest) for ours, dest in dests.items()})


def share_values(config: pytest.Config) -> None:
    """Give our options what the command line gave to other plugins' options of the same names.

    Raises `InputError` if a value is wrong for ours, or if the other plugin drops a value of an
    option that may be repeated.
    """
    if hasattr(config.option, _GIVEN):  # in a worker of xdist: the main process did it
        if wrong := getattr(config.option, _WRONG):
            raise InputError(wrong)
        return
    setattr(config.option, _GIVEN, [])
    setattr(config.option, _WRONG, "")
    declared = config.stash[_DECLARED]
    for option in _options():
        if option.name not in declared.taken or option.is_flag:
            continue
        dest = declared.dests[option.dest]
        texts = _texts(config.getoption(option.name), declared.taken[option.name])
        if not texts or getattr(config.option, dest) != option.default:
            continue
        given_to_both(config).append(option.name)
        try:
            _check_repetition(option, texts, config)
            setattr(config.option, dest, _parsed(option, texts))
        except InputError as error:
            setattr(config.option, _WRONG, str(error))
            raise


def given_to_both(config: pytest.Config) -> list[str]:
    """Return the options that were given and are another plugin's too."""
    names: list[str] = getattr(config.option, _GIVEN)
    return names


def unshared_flags(config: pytest.Config) -> list[str]:
    """Return what to say of flags that were given and are not ours."""
    declared = config.stash[_DECLARED]
    return [
        f"{option.name} is an option of another plugin here; ours is {option.long_name}"
        for option in _options()
        if option.name in declared.taken and option.is_flag
        if config.getoption(option.name) and not getattr(config.option, option.long_dest)
    ]


def is_any_given(config: pytest.Config) -> bool:
    """Tell whether an option was given that no other plugin has."""
    values, shared = own_values(config), given_to_both(config)
    return any(
        getattr(values, option.dest) != option.default
        for option in _options()
        if option.name not in shared
    )


def advice(config: pytest.Config) -> str:
    """Return a sentence on what is shared, for an error in a value."""
    names = given_to_both(config)
    longer = ", ".join(f"--harness-{name.removeprefix('--')}" for name in names)
    return f"another plugin has {', '.join(names)} too; {longer} is for the harness alone"


def _options() -> Iterator[_Option]:
    """Yield the options of a run, as they are declared."""
    found: list[_Option] = []

    def group(title: str) -> Callable[..., None]:
        return lambda name, **attributes: found.append(_Option(title, name, attributes))

    add_run_options(group)
    yield from found


def _texts(value: object, default: object) -> list[str]:
    """Return the texts of another plugin's option; none if it was not given, or has no text."""
    texts = list(value) if isinstance(value, (list, tuple)) else [value]
    if value == default or not all(isinstance(text, (str, Path, int, float)) for text in texts):
        return []
    return [str(text) for text in texts if not isinstance(text, bool)]


def _check_repetition(option: _Option, texts: list[str], config: pytest.Config) -> None:
    words = config.invocation_params.args
    times = sum(str(word).split("=")[0] == option.name for word in words)
    if option.attributes.get("action") == "append" and times > len(texts):
        raise InputError(
            "another plugin has this option too, and keeps only its last value",
            where=f"{option.name}={printable(texts[-1], _LONGEST)}",
            remedy=f"write {option.name}=A,B, or {option.long_name} as often as you like",
        )


def _parsed(option: _Option, texts: list[str]) -> object:
    """Return the value of `option` for `texts`; raises `InputError` for one that is wrong."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument(option.name, dest="value", **option.attributes)
    try:
        return parser.parse_args([f"{option.name}={text}" for text in texts]).value
    except argparse.ArgumentError as error:
        raise InputError(str(error), remedy=f"ours is {option.long_name}") from error
