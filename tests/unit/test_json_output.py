"""What commands print with `--json`: one document, which its schema describes."""

import json
import re
from contextlib import AbstractContextManager
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docs.generate import documents_page, json_schemas
from docs.generate import harness_objects as objects
from docs.generate.struct_keys import tables
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError, InputError
from harness.runs.movable_dut import MovableDut, movable_bench
from harness.runs.request import RunRequest
from harness.support.json_output import ErrorDocument, as_json
from tests.support.documents import printed_document
from tests.support.repository import BEHAVE, FAIL, Repository

NAMES = {objects.document_name(document): document for document in objects.documents()}


MISBEHAVING = ("--engine=misbehaving", "--target=qemu-stm32", "--model=small")


@pytest.fixture(autouse=True)
def empty_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harness.toml").touch()
    monkeypatch.chdir(tmp_path)


# The schemas


def test_the_schemas_in_docs_are_current() -> None:
    """After a change, run `make json-schemas`."""
    files = {path.name: path.read_text() for path in json_schemas.FOLDER.glob("*")}
    assert files == json_schemas.schemas()


@pytest.mark.parametrize("name", NAMES)
def test_a_document_has_a_version_and_a_text_for_each_key(name: str) -> None:
    tag = NAMES[name].__struct_config__.tag
    assert re.fullmatch(r"tinyml-harness/[a-z-]+/[1-9][0-9]*", str(tag))
    missing = [
        f"{table.path}.{key.name}"
        for table in tables(NAMES[name])
        for key in table.keys
        if not key.text
    ]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_its_patterns_fit_javascript(name: str) -> None:
    text = json_schemas.schemas()[f"{name}.schema.json"]
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    assert r"\\A" not in text
    assert r"\\Z" not in text


def test_the_pages_name_every_document() -> None:
    page = (objects.REPOSITORY / "docs" / "json.md").read_text()
    assert set(re.findall(r"\(json/([a-z-]+)\.schema\.json\)", page)) == NAMES.keys()
    generated = documents_page.page()
    for name, struct in NAMES.items():
        assert f"## `{struct.__struct_config__.tag}`" in generated, name


# The output


def test_a_document_is_ascii_and_printable() -> None:
    text = as_json(
        ErrorDocument(kind="input", message="größe \U0001f600 \x1b[2J \x9b \u202e", exit_code=2)
    )
    assert text.isascii()
    assert text.endswith("\n")
    message = json.loads(text)["message"]
    assert message.startswith("größe \U0001f600 ")
    assert message.isprintable()


@given(st.text())
@settings(max_examples=30)
def test_any_text_makes_a_document(text: str) -> None:
    error = ErrorDocument(kind="input", message=text, where=text, exit_code=2)
    assert json.loads(as_json(error))["kind"] == "input"


def test_a_secret_stays_one() -> None:
    error = InputError("cannot be read", where="postgresql://me:hidden@host/db")
    assert "hidden" not in as_json(ErrorDocument.of(error))


def test_an_error_is_a_document_and_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--model=nonsense", "--json"]) == ExitCode.USAGE
    printed = capsys.readouterr()
    error = json.loads(printed.out)
    assert error["schema"] == "tinyml-harness/error/1"
    assert (error["kind"], error["exit_code"]) == ("input", 2)
    assert error["message"] == "unknown model 'nonsense'"
    assert "harness: unknown model 'nonsense'" in printed.err


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InfrastructureError("no board"), "infrastructure"),
        (ZeroDivisionError("x"), "defect"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_every_kind_of_error_is_a_document(
    error: BaseException,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("harness.report.json_documents.list_documents.list_models", fail)
    code = main(["list", "models", "--json"])
    read = printed_document(capsys)
    assert (read["kind"], read["exit_code"]) == (kind, code)


def test_a_wrong_option_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "models", "--jsn", "--json"]) == ExitCode.USAGE
    error = printed_document(capsys)
    assert error["where"] == "list"
    assert error["message"] == "unrecognized arguments: --jsn"
    assert error["remedy"] == "did you mean --json?"
    assert main(["--json", "runs"]) == ExitCode.USAGE
    assert printed_document(capsys)["remedy"] == "write --json after the command's name"


def test_an_error_with_a_closed_output_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", None)  # as Python does for `>&-`
    assert main(["list", "--json"]) == ExitCode.USAGE
    assert "Traceback" not in capsys.readouterr().err


# The commands


@pytest.mark.parametrize("what", ["targets", "models", "engines", "toolchains"])
def test_lists(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what, "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert read["schema"] == f"tinyml-harness/list-{what}/1"
    assert len(read[what]) >= 2


def test_a_list_has_what_is_wrong_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "spoilt.toml").write_text("[")
    assert main(["list", "targets", "--json"]) == ExitCode.PASSED
    [spoilt] = [each for each in printed_document(capsys)["targets"] if each["name"] == "spoilt"]
    assert spoilt["error"]["kind"] == "input"


def test_a_run(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *MISBEHAVING, "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert (read["passed"], read["complete"], read["selected"]) == (True, True, 1)
    [run] = read["runs"]
    [record] = repository.records()
    assert run["outcome"] == "passed"
    assert run["record"] == msgspec.to_builtins(record)
    assert Path(run["file"]).is_file()
    assert read["gate"] is None


def test_a_run_that_fails_or_cannot_be_judged_is_a_result(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.answers(BEHAVE, FAIL)
    assert main(["run", *MISBEHAVING, "--json"]) == ExitCode.INFRASTRUCTURE
    read = printed_document(capsys)
    assert (read["passed"], read["complete"], read["runs"]) == (False, True, [])
    [failed] = read["not_run"]
    assert (failed["target"], failed["engine"]) == ("qemu-stm32", "misbehaving")
    assert failed["error"]["kind"] == "infrastructure"


def test_a_run_with_a_baseline(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *MISBEHAVING]) == ExitCode.PASSED
    assert main(["baseline", "accept", "last", "--because=it is right"]) == ExitCode.PASSED
    capsys.readouterr()
    asked = ("run", *MISBEHAVING, "--baseline=reports/baselines", "--json")
    assert main(asked) == ExitCode.PASSED
    [judgement] = printed_document(capsys)["gate"]
    assert judgement["passes"]
    assert judgement["baseline"]
    repository.answers(BEHAVE, BEHAVE, BEHAVE)  # other vectors have another baseline
    assert main(asked) == ExitCode.REGRESSION
    read = printed_document(capsys)
    assert (read["passed"], read["complete"]) == (False, True)
    [judgement] = read["gate"]
    assert {number["judged"] for number in judgement["numbers"]} <= {"worse", "not comparable"}
    assert judgement["numbers"]


def test_an_interrupted_run_prints_what_there_is(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = [movable_bench]

    def bench_once(request: RunRequest) -> AbstractContextManager[MovableDut]:
        if not rest:
            raise KeyboardInterrupt
        return rest.pop()(request)

    monkeypatch.setattr("harness.cli.run_commands.movable_bench", bench_once)
    targets = "--target=qemu-stm32,qemu-m3"
    asked = ("run", "--engine=misbehaving", "--model=small", targets, "--json")
    assert main(asked) == ExitCode.INTERRUPTED
    read = printed_document(capsys)
    assert (read["passed"], read["complete"], read["selected"]) == (False, False, 2)
    assert len(read["runs"]) == 1
    assert [error["kind"] for error in read["errors"]] == ["interrupted"]


def test_images_and_their_sizes(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", *MISBEHAVING, "--bundle=a.bundle", "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert Path(read["bundle"]["file"]).stat().st_size == read["bundle"]["size"]
    [image] = read["images"]
    assert (image["target"], image["engine"]) == ("qemu-stm32", "misbehaving")
    assert main(["size", image["elf"], "--target=qemu-stm32", "--json"]) == ExitCode.PASSED
    [use] = printed_document(capsys)["images"]
    assert use["total"]["flash"] == image["numbers"]["flash"]["value"]
    assert use["left"]["flash"] == image["numbers"]["flash_left"]["value"]
    assert sum(part["flash"] for part in use["parts"].values()) == use["total"]["flash"]
    assert main(["size", image["elf"], image["elf"], "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert (len(read["images"]), read["growth"]) == (2, [])


def test_a_sweep(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    small = repository.target("tiny", flash=0x400, ram=0x8000)
    asked = ("--engine=misbehaving", "--model=small", f"--target=qemu-stm32,{small}")
    assert main(["sweep", *asked, "--json"]) == ExitCode.USAGE
    read = printed_document(capsys)
    assert (read["passed"], read["complete"], read["selected"]) == (False, True, 2)
    ran, failed = read["combinations"]
    [record] = repository.records()
    assert (ran["outcome"], ran["best"], ran["error"]) == ("passed", True, None)
    assert ran["record"] == msgspec.to_builtins(record)
    assert (failed["outcome"], failed["record"]) == ("failed", None)
    assert "bytes of flash" in failed["error"]["message"]
