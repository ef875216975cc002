"""How the tests on places are sorted for the workers of pytest-xdist."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.options.selection import Selection
from harness.pytest_plugin.farm_workers import LongModelsFirst
from harness.runs.quick import Quick
from harness.workspace import find_workspace


def test_long_models_come_first_and_targets_stay_together(tmp_path: Path) -> None:
    selection = Selection(find_workspace(tmp_path), (), (), (), (), ())
    tests = [
        (None, None),
        ("a", "anomaly"),
        ("a", "digits"),
        ("a", "gesture"),
        ("b", "faces"),
        ("b", "digits"),
        ("a", "digits"),
        ("a", None),
    ]
    items: list[Any] = [
        SimpleNamespace(callspec=SimpleNamespace(params={"target": target, "model": model}))
        for target, model in tests
    ]
    items.append(SimpleNamespace())  # a test without parameters
    options: Any = SimpleNamespace(selection=selection, quick=Quick())
    LongModelsFirst(options).pytest_collection_modifyitems(items)
    params = [getattr(getattr(item, "callspec", None), "params", None) for item in items]
    assert [tuple(each.values()) if each else None for each in params] == [
        (None, None),
        None,
        ("a", "digits"),
        ("a", "digits"),
        ("a", "gesture"),
        ("a", "anomaly"),
        ("a", None),
        ("b", "digits"),
        ("b", "faces"),
    ]
