"""The one note on a merge request of GitLab, by its REST API."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.review.rest import Answer, NotAllowedError, request
from harness.support.secrets import Secret


class _User(msgspec.Struct):
    id: int


class _Note(msgspec.Struct):
    id: int
    body: str
    author: _User


@dataclass(frozen=True)
class GitLabMergeRequest:
    """A merge request, by the URL of the `api`, a project and a token.

    The token of a job may not write notes, so a project needs one in the variable GITLAB_TOKEN.
    """

    api: str
    project: str
    number: str
    token: Secret

    @classmethod
    def of_ci(cls, variables: Mapping[str, str] = os.environ) -> "GitLabMergeRequest | None":
        """Return the merge request that the job runs for; None if it runs for none."""
        number = variables.get("CI_MERGE_REQUEST_IID", "")
        if not number:
            return None
        return cls(
            variables["CI_API_V4_URL"],
            variables["CI_MERGE_REQUEST_PROJECT_ID"],
            number,
            Secret(variables.get("GITLAB_TOKEN", "")),
        )

    def put(self, marker: str, text: str) -> None:
        """Make `text`, which has the `marker`, the only note with it.

        Raises `NotAllowedError` if there is no token, or if it may not write.
        """
        if not self.token:
            raise NotAllowedError("is not set", where="GITLAB_TOKEN")
        own, _ = self._ask("GET", f"{self.api}/user", None, _User)
        notes = f"{self.api}/projects/{self.project}/merge_requests/{self.number}/notes"
        for note in self._notes(notes):
            # The marker in a note of another person is not ours.
            if note.author.id == own.id and marker in note.body:
                self._ask("PUT", f"{notes}/{note.id}", {"body": text}, _Note)
                return
        self._ask("POST", notes, {"body": text}, _Note)

    def _notes(self, url: str) -> Iterator[_Note]:
        page = "1"
        while page:
            paged = f"{url}?sort=asc&per_page=100&page={page}"
            found, headers = self._ask("GET", paged, None, list[_Note])
            yield from found
            page = headers.get("x-next-page", "")

    def _ask(
        self, method: str, url: str, content: Any, answer: type[Answer]
    ) -> tuple[Answer, Mapping[str, str]]:
        return request(method, url, {"PRIVATE-TOKEN": self.token}, content, answer)
