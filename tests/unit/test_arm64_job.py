"""The job on an emulated arm64 host: what it takes for a difference, and what it asks for."""

import os
import random
import shutil
import sys

import pytest
from msgspec import structs

from harness.results.record import Record
from tests.arm64 import debian_folder
from tests.arm64.same_records import differences
from tests.support.year import FIRST, made_up

TARGET = "virtual-stm32"


def a_run(*, changed: str = "", value: float = 1) -> dict[str, Record]:
    record = made_up(random.Random(0), FIRST, TARGET, "faces")
    if changed:
        number = structs.replace(record.numbers[changed], value=value)
        record = structs.replace(record, numbers=record.numbers | {changed: number})
    return {"faces": record}


def test_equal_records_have_no_difference() -> None:
    assert list(differences(a_run(), a_run())) == []


@pytest.mark.parametrize("name", ["instructions_median", "flash", "ram", "bytes_differing"])
def test_an_exact_number_that_differs_is_named(name: str) -> None:
    assert a_run()["faces"].numbers[name].kind == "exact"
    before = a_run()["faces"].numbers[name].value
    found = list(differences(a_run(), a_run(changed=name, value=before + 1)))
    assert found == [f"faces: {name} is {before} and {before + 1}"]


def test_a_measured_number_may_differ() -> None:
    assert list(differences(a_run(), a_run(changed="wall", value=99.0))) == []


def test_another_image_is_a_difference() -> None:
    other = a_run()["faces"]
    image = structs.replace(other.image, build_id="0" * 32)
    (line,) = differences(a_run(), {"faces": structs.replace(other, image=image)})
    assert line.startswith("faces: image is ImageInfo(")


def test_a_model_that_only_one_machine_ran_is_a_difference() -> None:
    assert list(differences(a_run(), {})) == ["the models are ['faces'] and []"]


def test_two_machines_that_ran_nothing_are_not_equal() -> None:
    assert list(differences({}, {})) == ["the models are [] and []"]


def test_what_is_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "debootstrap" else name)
    assert "apt-get install debootstrap" in debian_folder.what_is_missing()


def test_a_user_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in debian_folder.what_is_missing()
