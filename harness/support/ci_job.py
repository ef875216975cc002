"""The page of the CI job that this process runs in."""

import re
from collections.abc import Mapping

LONGEST_URL = 1000  # characters
SAFE_URL = r"https?://[A-Za-z0-9\[][!#-&(-;=?-\[\]-_a-z~]*"
"""A web address: printable ASCII, without quotes, < and >."""
_URL = re.compile(SAFE_URL)
_USER = re.compile(r"\A(https?://)[^/?#\\]*@")

# Variables that hold the whole address: GitLab, Jenkins, Buildkite, CircleCI, Travis CI, Drone.
_WHOLE = (
    "CI_JOB_URL",
    "BUILD_URL",
    "BUILDKITE_BUILD_URL",
    "CIRCLE_BUILD_URL",
    "TRAVIS_JOB_WEB_URL",
    "DRONE_BUILD_LINK",
)


def job_url(environment: Mapping[str, str]) -> str:
    """Return the address of the job's page; empty outside CI, or if it is not a safe address.

    The variables are those of GitHub (also Gitea and Forgejo), GitLab, Jenkins and others:
    https://docs.github.com/actions/reference/variables-reference,
    https://docs.gitlab.com/ci/variables/predefined_variables,
    https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
    """
    candidates = [_github(environment), *(environment.get(name, "") for name in _WHOLE)]
    return next((safe for each in candidates if (safe := safe_url(each))), "")


def safe_url(text: str) -> str:
    """Return a web address without the user and password in it; empty if it is not safe."""
    text = _USER.sub(r"\1", text.strip())
    return text if len(text) <= LONGEST_URL and _URL.fullmatch(text) else ""


def _github(environment: Mapping[str, str]) -> str:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environment.get(name, "") for name in names)
    if not (server and repository and run):
        return ""
    attempt = environment.get("GITHUB_RUN_ATTEMPT", "")
    return f"{server}/{repository}/actions/runs/{run}{f'/attempts/{attempt}' if attempt else ''}"
