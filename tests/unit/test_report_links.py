"""The links of a report: to commits and to the CI job. No hostile address becomes one."""

import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.harness_toml import commit_page
from harness.report.page.anchors import anchor, combination_anchor
from harness.results.combination import Combination
from harness.results.record_file import parse_record, to_json
from harness.support.ci_job import job_url, safe_url
from harness.support.commit_pages import page_of_remote
from tests.unit.test_report import real

GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "o/r",
    "GITHUB_RUN_ID": "7",
}
HOSTILE = (
    "javascript:alert(1)",
    "data:text/html,<script>",
    'https://ci/"onclick="alert(1)',
    "https://ci/<script>",
    "https://ci/a b",
    "https://ci/\n",
    "https://ci/é",
    "https://",
    "https://ci/" + "a" * 1000,
    "//ci/job",
    "file:///etc/passwd",
    "https://ci\\@evil/",
)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, ""),
        (GITHUB, "https://github.com/o/r/actions/runs/7"),
        (
            GITHUB | {"GITHUB_RUN_ATTEMPT": "2"},
            "https://github.com/o/r/actions/runs/7/attempts/2",
        ),
        ({"CI_JOB_URL": "https://gitlab.com/g/p/-/jobs/9"}, "https://gitlab.com/g/p/-/jobs/9"),
        ({"BUILD_URL": "http://ci:8080/job/a/12/"}, "http://ci:8080/job/a/12/"),
        ({"BUILD_URL": "https://me:secret@ci/job/1/"}, "https://ci/job/1/"),
        ({"CI_JOB_URL": "javascript:x", "BUILD_URL": "https://ci/1"}, "https://ci/1"),
        (GITHUB | {"GITHUB_SERVER_URL": "javascript://x"}, ""),
    ],
)
def test_the_ci_job_is_known_from_the_usual_variables(
    environment: dict[str, str], url: str
) -> None:
    assert job_url(environment) == url


@pytest.mark.parametrize("url", HOSTILE)
def test_a_record_with_an_address_that_is_not_safe_is_refused(url: str) -> None:
    assert not job_url({"BUILD_URL": url}) or "\n" in url
    spoilt = msgspec.structs.replace(real(), job=url)
    with pytest.raises(InputError, match="job"):
        parse_record(to_json(spoilt), "run")


@given(st.text(max_size=60) | st.from_regex(r"https?://.{0,40}", fullmatch=True))
def test_what_is_safe_needs_no_escaping_and_can_be_kept(text: str) -> None:
    url = safe_url(text)
    if url:
        assert url.startswith(("http://", "https://"))
        assert not set(" \"'<>\\`\n") & set(url)
        record = msgspec.structs.replace(real(), job=url)
        assert parse_record(to_json(record), "run").job == url


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("git@github.com:o/r.git", "https://github.com/o/r/commit/{hash}"),
        ("https://github.com/o/r", "https://github.com/o/r/commit/{hash}"),
        ("https://me:secret@github.com/o/r.git/", "https://github.com/o/r/commit/{hash}"),
        ("ssh://git@github.com:22/o/r.git", "https://github.com/o/r/commit/{hash}"),
        ("https://token@gitlab.example.org:8443/g/s/p.git", "https://gitlab.example.org:8443/g/s/p/-/commit/{hash}"),
        ("git@gitlab.com:g/s/p.git", "https://gitlab.com/g/s/p/-/commit/{hash}"),
        ("git@bitbucket.org:o/r.git", "https://bitbucket.org/o/r/commits/{hash}"),
        ("https://codeberg.org/o/r.git", "https://codeberg.org/o/r/commit/{hash}"),
        ("ssh://git@gitea.example.org/o/r.git", "https://gitea.example.org/o/r/commit/{hash}"),
        ("git@forge.example.org:o/r.git", ""),
        ("/srv/git/r.git", ""),
        ("../r", ""),
        ("file:///srv/github/r.git", ""),
        ("C:\\github\\r", ""),
        ("https://github.com/", ""),
        ("https://[github/o/r", ""),
        ('https://github.com/"><script>', ""),
        ("ext::sh -c github", ""),
    ],
)  # fmt: skip
def test_the_page_of_a_commit_is_known_from_the_remote(remote: str, page: str) -> None:
    assert page_of_remote(remote, {}) == page


def test_ci_says_what_its_own_server_is() -> None:
    remote = "https://gitlab-ci-token:secret@code.example.org/g/p.git"
    page = page_of_remote(remote, {"CI_SERVER_URL": "https://code.example.org"})
    assert page == "https://code.example.org/g/p/-/commit/{hash}"
    page = page_of_remote(remote, {"GITHUB_SERVER_URL": "https://code.example.org"})
    assert page == "https://code.example.org/g/p/commit/{hash}"


@given(st.text(max_size=80))
def test_no_remote_breaks_a_report(remote: str) -> None:
    page = page_of_remote(remote, {})
    assert not page or safe_url(page.replace("{hash}", "0"))


def test_a_template_in_harness_toml_is_used_or_refused(tmp_path: Path) -> None:
    assert commit_page(tmp_path) == ""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    add = ["remote", "add", "origin", "git@github.com:o/r.git"]
    subprocess.run(["git", "-C", tmp_path, *add], check=True)
    assert commit_page(tmp_path) == "https://github.com/o/r/commit/{hash}"
    settings = tmp_path / "harness.toml"
    settings.write_text('[report]\ncommit_url = "https://git.example.org/r/?id={hash}"\n')
    assert commit_page(tmp_path) == "https://git.example.org/r/?id={hash}"
    for wrong in ("https://git.example.org/r/", "javascript:{hash}", "https://x/{hash} y"):
        settings.write_text(f'[report]\ncommit_url = "{wrong}"\n')
        with pytest.raises(InputError, match="not the address of a commit's page"):
            commit_page(tmp_path)


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_names_never_share_a_place_in_the_page(one: str, other: str) -> None:
    assert (anchor("model", one) == anchor("model", other)) == (one == other)
    assert anchor("model", one).isascii()
    assert len(anchor("model", one)) < 160


def test_the_place_of_a_combination_can_be_read() -> None:
    plain = Combination("virtual-stm32", "faces", "cmsis-nn", "gcc", "-O2")
    assert combination_anchor(plain) == "combination-faces-on-virtual-stm32-cmsis-nn-gcc-O2"
    parts = plain._replace(engine="cmsis-nn/3-of-200")
    assert combination_anchor(parts) != combination_anchor(plain)
