"""Marks that say what a test is for, and the ids of its runs, collected in a repository."""

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
MARKED = """\
import pytest

pytestmark = [pytest.mark.model("digits", "vowels"), pytest.mark.target("virtual-stm32")]

def test_of_module(run_request):
    pass

@pytest.mark.target("virtual-nrf52840", "virtual-stm32")
class TestClass:
    @pytest.mark.model("vowels")
    def test_of_class(self, run_request):
        pass

@pytest.mark.opt("-O3")
@pytest.mark.opt("-O2")
@pytest.mark.toolchain("clang")
@pytest.mark.model("./models/digits")
def test_stacked(run_request):
    pass

@pytest.mark.parametrize("model", ["anomaly"])
def test_parametrized(run_request):
    pass

class TestOwn:
    @pytest.fixture(scope="session")
    def model(self):
        return "digits"

    @pytest.mark.model("a name of its own")
    def test_own(self, run_request):
        pass

@pytest.mark.model("gpt")
@pytest.mark.target()
def test_without_ours():
    pass
"""
OWN = "TestOwn::test_own[virtual-stm32-own model]"
EVERY = [
    "test_of_module[virtual-stm32-digits]",
    "test_of_module[virtual-stm32-vowels]",
    "TestClass::test_of_class[virtual-nrf52840-vowels]",
    "TestClass::test_of_class[virtual-stm32-vowels]",
    "test_stacked[virtual-stm32-digits-clang-O3]",
    "test_stacked[virtual-stm32-digits-clang]",
    "test_parametrized[anomaly-virtual-stm32]",
    OWN,
    "test_without_ours",
]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's repository with one model; the other models are bundled."""
    shutil.copytree(ROOT / "models" / "digits", pytester.path / "models" / "digits")
    pytester.makeini("[pytest]\naddopts = --strict-markers -p no:hypothesispytest\n")
    pytester.makepyfile(test_it=MARKED)
    return pytester


def collected(suite: pytest.Pytester, *options: str) -> list[str]:
    result = suite.runpytest_subprocess("--collect-only", "-q", *options, timeout=60)
    assert result.ret in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}, result.outlines
    lines = [line for line in result.outlines if line.startswith("test_it.py::")]
    return sorted(line.removeprefix("test_it.py::") for line in lines)


needs_pytest = pytest.mark.skipif(
    not hasattr(pytest, "HIDDEN_PARAM"), reason="pytest before 8.4 shows the defaults in ids"
)


@needs_pytest
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], EVERY),
        (
            ["--model=digits"],
            ["test_of_module[virtual-stm32-digits]", *EVERY[4:7], "test_without_ours"],
        ),
        (
            ["--model=./models/digits", "--target=virtual-stm32"],
            ["test_of_module[virtual-stm32-digits]", *EVERY[4:7], "test_without_ours"],
        ),
        (["--target=virtual-nrf52840"], [EVERY[2], "test_without_ours"]),
        (["--opt=-O3", "--toolchain=clang", "-k", "stacked"], [EVERY[4]]),
        (["--opt=-Os", "-k", "stacked"], []),
        (["-k", "clang and cmsis-nn and O2"], [EVERY[5]]),
    ],
)
def test_an_option_selects_among_the_names_in_marks(
    suite: pytest.Pytester, options: list[str], names: list[str]
) -> None:
    assert collected(suite, *options) == sorted(names)


def test_tests_for_other_names_are_deselected(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_it="import pytest\n\n@pytest.mark.model('vowels', 'faces')\n"
        "def test_it(run_request):\n    pass\n"
    )
    result = suite.runpytest_subprocess("--model=digits", timeout=60)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.assert_outcomes(deselected=2)
    reason = "no test is for what the options select: the model is digits, and the marks name faces"
    assert f"{reason}, vowels" in result.outlines
    result = suite.runpytest_subprocess("--model=digits", "-n1", "-pxdist", timeout=60)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert f"{reason}, vowels" in result.outlines


def test_a_target_that_the_marks_exclude_is_refused(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_it="import pytest\n\n@pytest.mark.target('virtual-stm32')\n"
        "def test_it(run_request):\n    pass\n"
    )
    result = suite.runpytest_subprocess("--target=virtual-nrf52840", timeout=60)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--target=virtual-nrf52840: no selected test uses this target" in str(result.stderr)


WRONG = {
    'model("vowel")': "mark model: unknown model 'vowel'",
    'target("virtual-stm33")': "mark target: unknown target 'virtual-stm33'",
    'opt("-O9")': "mark opt: unknown optimization flag '-O9'",
    "model()": "mark model: names nothing",
    'model(name="digits")': "mark model: names nothing",
    'model("digits", x=1)': "mark model: has no argument x",
    'model(["digits"])': "mark model: model must be a name or an object, not ['digits']",
}


def test_a_wrong_mark_names_the_test_and_the_file(suite: pytest.Pytester) -> None:
    """Also if the option selects something else, and if the test needs no model."""
    (suite.path / "test_it.py").unlink()
    suite.makepyfile(
        **{
            f"test_{number}": f"import pytest\n\n@pytest.mark.{mark}\n"
            f"def test_wake({'board' if number % 2 else 'dut'}):\n    pass\n"
            for number, mark in enumerate(WRONG)
        }
    )
    result = suite.runpytest_subprocess("--model=digits", timeout=60)
    result.assert_outcomes(errors=len(WRONG))
    text = str(result.stdout)
    for number, message in enumerate(WRONG.values()):
        assert f"test_{number}.py::test_wake: {message}" in text
    assert "Traceback" not in text
