"""The one comment on a pull request of GitHub, by its GraphQL API.

It alone says which comments the token's own user wrote. Whoever writes the marker into a comment of
their own could change our text afterwards, so the comments of others are left alone.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import InfrastructureError, InputError
from harness.review.rest import NotAllowedError, request
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.secrets import Secret

_COMMENTS = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      id
      comments(first: 100, after: $after) {
        nodes { id body viewerDidAuthor }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}"""
_ADD = """
mutation($id: ID!, $body: String!) {
  addComment(input: {subjectId: $id, body: $body}) { clientMutationId }
}"""
_UPDATE = """
mutation($id: ID!, $body: String!) {
  updateIssueComment(input: {id: $id, body: $body}) { clientMutationId }
}"""
_REFUSED = {"FORBIDDEN", "NOT_FOUND", "INSUFFICIENT_SCOPES"}


class _Comment(msgspec.Struct, rename="camel"):
    id: str
    body: str
    viewer_did_author: bool


class _PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool
    end_cursor: str | None


class _Comments(msgspec.Struct, rename="camel"):
    nodes: list[_Comment]
    page_info: _PageInfo


class _PullRequest(msgspec.Struct):
    id: str
    comments: _Comments


class _Repository(msgspec.Struct, rename="camel"):
    pull_request: _PullRequest


class _Data(msgspec.Struct):
    """The data of an answer; a change has no `repository`."""

    repository: _Repository | None = None


class _Error(msgspec.Struct):
    message: str
    type: str = ""


class _Answer(msgspec.Struct):
    data: _Data | None = None
    errors: list[_Error] = []


class _Numbered(msgspec.Struct):
    number: int


class _Event(msgspec.Struct):
    """What happened; only for a pull request it has one."""

    pull_request: _Numbered | None = None


@dataclass(frozen=True)
class GitHubPullRequest:
    """A pull request, by the `url` of GraphQL and a token."""

    url: str
    owner: str
    name: str
    number: int
    token: Secret

    @classmethod
    def of_ci(cls, variables: Mapping[str, str] = os.environ) -> "GitHubPullRequest | None":
        """Return the pull request that the job runs for; None if it runs for none.

        Raises `InputError` if there is no token.
        """
        event = variables.get("GITHUB_EVENT_PATH", "")
        number = _number(event) if event else None
        if number is None:
            return None
        if not variables.get("GITHUB_TOKEN"):
            raise InputError(
                "is not set",
                where="GITHUB_TOKEN",
                remedy="give the step `env: GITHUB_TOKEN: ${{ github.token }}`",
            )
        owner, _, name = variables["GITHUB_REPOSITORY"].partition("/")
        url = variables["GITHUB_GRAPHQL_URL"]
        return cls(url, owner, name, number, Secret(variables["GITHUB_TOKEN"]))

    def put(self, marker: str, text: str) -> None:
        """Make `text`, which has the `marker`, the only comment with it.

        Raises `NotAllowedError` if the token may not write.
        """
        subject = ""
        for page in self._pages():
            subject = page.id
            for comment in page.comments.nodes:
                if comment.viewer_did_author and marker in comment.body:
                    self._ask(_UPDATE, id=comment.id, body=text)
                    return
        self._ask(_ADD, id=subject, body=text)

    def _pages(self) -> Iterator[_PullRequest]:
        """Yield the pull request with a page of its comments each."""
        after = None
        while True:
            data = self._ask(
                _COMMENTS, owner=self.owner, name=self.name, number=self.number, after=after
            )
            if data.repository is None:
                raise InfrastructureError("answers without the repository", where=self.url)
            page = data.repository.pull_request
            yield page
            if not page.comments.page_info.has_next_page:
                return
            after = page.comments.page_info.end_cursor

    def _ask(self, query: str, **variables: Any) -> _Data:
        """Return the data of the answer; an error stands in an answer, too."""
        headers = {"Authorization": f"Bearer {self.token}"}
        content = {"query": query, "variables": variables}
        answer, _ = request("POST", self.url, headers, content, _Answer)
        for error in answer.errors:
            kind = NotAllowedError if error.type in _REFUSED else InfrastructureError
            raise kind(f"answers: {error.message}", where=self.url)
        return answer.data or _Data()


def _number(event: str) -> int | None:
    """Return the number of the pull request in the file `event` that GitHub wrote."""
    try:
        found = msgspec.json.decode(read_input(Path(event), MAX_TEXT), type=_Event)
    except msgspec.DecodeError as error:
        raise InputError(f"is not an event: {error}", where="GITHUB_EVENT_PATH") from error
    return found.pull_request.number if found.pull_request else None
