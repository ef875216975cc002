"""Parameters and fixtures of a test suite's own that have the names of ours."""

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's repository with one model; the other models are bundled."""
    shutil.copytree(ROOT / "models" / "digits", pytester.path / "models" / "digits")
    pytester.makeini("[pytest]\n")
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_subprocess("-p", "no:hypothesispytest", *arguments, timeout=200)


PARAMETRIZED = """\
import pytest
from pathlib import Path
from harness.model.folder import load_model

by = pytest.mark.parametrize

def has(run_request, model="digits", target="virtual-stm32", opt="-O2"):
    found = (run_request.model.name, run_request.target.name, run_request.toolchain.opt)
    assert found == (model, target, opt)
    return True

@by("model", ["digits", "vowels"], indirect=True)
def test_indirect(run_request, model):
    has(run_request, model.name)

@by("model", ["digits", "vowels"])
def test_direct(run_request, model):
    has(run_request, model.name)

@by("model", ["digits", "vowels"])
def test_not_an_argument(run_request):
    has(run_request, run_request.model.name)

@by("target,model", [("virtual-nrf52840", "vowels"), ("virtual-stm32", "digits")])
def test_together(run_request, target, model):
    has(run_request, model.name, target.name)

@by(("model", "limit"), [("vowels", 3), pytest.param("digits", 4, id="fourth")])
def test_mixed(run_request, model, limit):
    has(run_request, {3: "vowels", 4: "digits"}[limit])

@by("opt", ["-Os", "-O3"])
def test_opt(run_request, opt):
    has(run_request, opt=opt)

@by("toolchain", ["gcc"])
def test_toolchain(run_request, toolchain):
    has(run_request)
    assert toolchain.name == "gcc"

@by("engine", ["cmsis-nn"])
def test_engine(run_request, engine):
    assert has(run_request) and run_request.engine is engine

@by("model", [pytest.param("vowels", id="first"),
              pytest.param("digits", marks=pytest.mark.skip(reason="not now"))])
def test_param(run_request, model):
    has(run_request, "vowels")

@by("model", [load_model(Path("models/digits")), "./models/digits"], ids=["object", "path"])
def test_objects(run_request):
    has(run_request)

@by("model", ["vowels"], scope="session")
class TestClass:
    def test_of_class(self, run_request):
        has(run_request, "vowels")

@by("model", ["gpt", 7])
def test_without_ours(model):
    assert model in ("gpt", 7)

@by("model", ["digits"])
@by("target", ["virtual-stm32", "virtual-nrf52840"])
def test_stacked(run_request, model, target):
    has(run_request, target=target.name)

def test_dynamic(request):
    has(request.getfixturevalue("run_request"))

@pytest.fixture(params=["digits", "vowels"], scope="session")
def chosen(request):
    return request.param

class TestOwnFixture:
    @pytest.fixture(scope="session")
    def model(self, chosen):
        return chosen

    def test_own_name(self, run_request, chosen):
        has(run_request, chosen)

class TestOtherFixture:
    @pytest.fixture(scope="session")
    def model(self):
        return "anomaly"

    def test_other_name(self, run_request):
        has(run_request, "anomaly")

class TestWrapped:
    @pytest.fixture(scope="session")
    def model(self, model):
        return model

    def test_wrapped(self, run_request):
        has(run_request)
"""


def test_parametrize_means_our_names(suite: pytest.Pytester) -> None:
    """Direct and indirect, alone and together, for a test, a class and a module."""
    suite.makepyfile(
        test_it=PARAMETRIZED,
        test_module="""\
        import pytest

        pytestmark = pytest.mark.parametrize("model", ["vowels"])

        def test_of_module(run_request):
            assert run_request.model.name == "vowels"
        """,
    )
    result = run(suite, "-v")
    result.assert_outcomes(passed=28, skipped=1)
    result.stdout.fnmatch_lines_random(
        [
            "*test_direct?*vowels* PASSED*",
            "*test_mixed?*fourth* PASSED*",
            "*test_without_ours?gpt? PASSED*",
            "*test_dynamic PASSED*",
        ]
    )


def test_a_hook_of_the_suite_may_parametrize(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        """\
        def pytest_generate_tests(metafunc):
            if "run_request" in metafunc.fixturenames:
                metafunc.parametrize("model", ["vowels"])
        """
    )
    suite.makepyfile("def test_it(run_request):\n    assert run_request.model.name == 'vowels'\n")
    run(suite).assert_outcomes(passed=1)


WRONG = {
    '"model", ["vowel"]': "unknown model 'vowel'",
    '"model", ["digit"], indirect=True': "unknown model 'digit'",
    '"target,model", [("mars", "digits")]': "unknown target 'mars'",
    '"opt", ["-O9"]': "unknown optimization flag '-O9'",
    '"toolchain", [pytest.param("gc", id="x")]': "unknown toolchain 'gc'",
    '"engine", ["tflmm"]': "unknown engine 'tflmm'",
    '"model", [7]': "model must be a name or an object, not 7",
}


def test_a_wrong_parameter_names_the_test_and_the_file(suite: pytest.Pytester) -> None:
    files = {
        f"test_{number}": f"""\
        import pytest

        @pytest.mark.parametrize({mark})
        def test_wake(dut):
            pass
        """
        for number, mark in enumerate(WRONG)
    }
    suite.makepyfile(**files)
    result = run(suite, "--collect-only")
    result.assert_outcomes(errors=len(WRONG))
    text = str(result.stdout)
    for number, message in enumerate(WRONG.values()):
        assert f"test_{number}.py::test_wake: parametrize: {message}" in text
    assert "Traceback" not in text


def test_own_fixtures_without_ours_are_left_alone(suite: pytest.Pytester) -> None:
    """In tests without `dut`, our names may mean anything, with any scope and parameters."""
    suite.makeconftest(
        """\
        import pytest

        @pytest.fixture(params=[1, 2])
        def model(request):
            return request.param

        @pytest.fixture(scope="module")
        def target():
            return {"any": "thing"}

        @pytest.fixture
        def dut(target, board):
            return target, board

        @pytest.fixture
        def board(image):
            return image

        @pytest.fixture
        def image():
            return "a picture"
        """
    )
    suite.makepyfile(
        """\
        import pytest

        def test_own(model, target, dut):
            assert model in (1, 2)
            assert dut == ({"any": "thing"}, "a picture")

        @pytest.mark.parametrize("model", ["a"])
        def test_parametrized(model, dut):
            assert model == "a"

        @pytest.fixture
        def engine():
            return "steam"

        def test_engine(engine, request):
            assert engine == request.getfixturevalue("engine") == "steam"
        """
    )
    result = run(suite)
    result.assert_outcomes(passed=4)
    assert "runs" not in str(result.stdout)


OWN = {
    ("model", "3"): "returns int, not a Model or a name of the harness",
    ("target", "{}"): "returns dict, not a Target or a name of the harness",
    ("target", "'mars'"): "unknown target 'mars'",
    ("engine", "None"): "returns NoneType, not an Engine or a name of the harness",
    ("metering", "[]"): "returns list, not a Metering of the harness",
    ("run_request", "1.0"): "returns float, not a RunRequest of the harness",
}


def test_a_fixture_that_is_none_of_ours_is_told(suite: pytest.Pytester) -> None:
    files = {
        f"test_{number}": f"""\
        import pytest

        @pytest.fixture(scope="session")
        def {name}():
            return {value}

        def test_it(image):
            pass
        """
        for number, (name, value) in enumerate(OWN)
    }
    suite.makepyfile(**files)
    result = run(suite)
    result.assert_outcomes(errors=len(OWN))
    text = str(result.stdout)
    for number, ((name, _), message) in enumerate(OWN.items()):
        told = f"test_{number}.py:3: the fixture `{name}` {message}"
        assert (told if "returns" in message else message) in text
    assert "Traceback" not in text
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_narrow_fixture_is_told_before_anything_runs(suite: pytest.Pytester) -> None:
    suite.makeconftest("import pytest\n\n@pytest.fixture\ndef model():\n    return 'vowels'\n")
    suite.makepyfile(test_it="def test_it(dut):\n    pass\n\ndef test_own(model):\n    pass\n")
    result = run(suite)
    result.assert_outcomes(errors=1)
    text = str(result.stdout)
    assert (
        "test_it.py::test_it: the fixture `model` of conftest.py:3 is made for each function"
        in text
    )
    assert '-> give it another name, or scope="session" (docs/pytest.md)' in text


def test_getfixturevalue_runs_a_test_once(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_it(request):\n    request.getfixturevalue('model')\n")
    run(suite).assert_outcomes(passed=1)
    result = run(suite, "--model=digits,vowels")
    result.assert_outcomes(failed=1)
    text = str(result.stdout)
    assert "::test_it: model: 2 are selected, but `getfixturevalue` runs the test once" in text
    assert "-> name the fixture in the test's arguments, or select one with --model" in text


def test_an_own_fixture_with_an_unknown_name_is_named(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        """\
        import pytest

        @pytest.fixture(scope="session")
        def target():
            return "http://staging"
        """
    )
    suite.makepyfile(test_it="def test_it(run_request, model):\n    pass\n")
    result = run(suite, "--model=digits")
    result.assert_outcomes(errors=1)
    text = str(result.stdout)
    assert "conftest.py:3: the fixture `target` returns 'http://staging': " in text


def test_an_error_of_the_collection_stands_alone(suite: pytest.Pytester) -> None:
    suite.makeconftest("import pytest\n\n@pytest.fixture\ndef model():\n    return 'vowels'\n")
    suite.makepyfile(test_it="def test_it(dut):\n    pass\n")
    result = run(suite, "--target=virtual-stm32")
    assert "is made for each function" in str(result.stdout)
    assert "no selected test uses this target" not in f"{result.stdout}{result.stderr}"
