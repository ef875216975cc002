"""GitHub's and GitLab's API for comments, as far as the harness uses them, on a local port."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ME, OTHER = 7, 8
_PAGE = 2  # comments on a page, so that few are several pages


@dataclass
class CodeHost:
    """A pull request with `comments`; each has an author, `ME` if the token's user wrote it.

    `read_only`: the token may read, and not write. `fails`: the status of every answer. `endless`:
    after each page there is another one.
    """

    url: str = ""
    token: str = "the-token"  # noqa: S105 - of nobody
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    read_only: bool = False
    fails: int = 0
    endless: bool = False

    def say(self, author: int, body: str) -> None:
        self.comments.append({"id": len(self.comments) + 1, "author": author, "body": body})

    @property
    def mine(self) -> list[str]:
        return [each["body"] for each in self.comments if each["author"] == ME]

    def graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Answer as https://docs.github.com/graphql does; errors have the status 200."""
        kind = next(name for name in ("updateIssueComment", "addComment", "query") if name in query)
        self.requests.append(kind)
        if kind != "query" and self.read_only:
            message = "Resource not accessible by integration"
            return {"data": {kind: None}, "errors": [{"type": "FORBIDDEN", "message": message}]}
        if kind == "addComment":
            assert variables["id"] == "PR_1"
            self.say(ME, variables["body"])
        elif kind == "updateIssueComment":
            self.comments[int(variables["id"]) - 1]["body"] = variables["body"]
        else:
            assert (variables["owner"], variables["name"], variables["number"]) == ("me", "it", 12)
            return {"data": {"repository": {"pullRequest": self._page(variables["after"])}}}
        return {"data": {kind: {"clientMutationId": None}}}

    def _page(self, after: str | None) -> dict[str, Any]:
        start = int(after or 0)
        end = start + _PAGE
        nodes = [
            {"id": str(c["id"]), "body": c["body"], "viewerDidAuthor": c["author"] == ME}
            for c in self.comments[start:end]
        ]
        more = {
            "hasNextPage": end < len(self.comments) or self.endless,
            "endCursor": str(end),
        }
        return {"id": "PR_1", "comments": {"nodes": nodes, "pageInfo": more}}

    def rest(self, method: str, path: str, content: Any) -> tuple[int, Any, dict[str, str]]:
        """Answer as https://docs.gitlab.com/api/notes does."""
        self.requests.append(f"{method} {path}")
        if path == "/user":
            return 200, {"id": ME, "username": "bot"}, {}
        match = re.fullmatch(r"/projects/5/merge_requests/12/notes(/\d+)?(\?.*)?", path)
        if not match:
            return 404, {}, {}
        if method != "GET" and self.read_only:
            return 403, {"message": "403 Forbidden"}, {}
        if method == "GET":
            page = int(path.rpartition("=")[2])
            found = self.comments[(page - 1) * _PAGE : page * _PAGE]
            has_more = page * _PAGE < len(self.comments) or self.endless
            more = str(page + 1) if has_more else ""
            return 200, [_note(each) for each in found], {"X-Next-Page": more}
        if method == "POST":
            self.say(ME, content["body"])
            return 201, _note(self.comments[-1]), {}
        note = self.comments[int(match[1][1:]) - 1]
        note["body"] = content["body"]
        return 200, _note(note), {}


def _note(comment: dict[str, Any]) -> dict[str, Any]:
    return {**comment, "author": {"id": comment["author"], "username": "x"}, "system": False}


@contextmanager
def code_host() -> Iterator[CodeHost]:
    """Serve a pull request without comments."""
    host = CodeHost()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length)) if length else None
            status, answer, headers = self._of(content)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _of(self, content: Any) -> tuple[int, Any, dict[str, str]]:
            if host.fails:
                return host.fails, {"message": "no"}, {"Location": f"{host.url}/elsewhere"}
            given = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            if given.removeprefix("Bearer ") != host.token:
                return 401, {"message": "Bad credentials"}, {}
            if self.path == "/graphql":
                return 200, host.graphql(content["query"], content["variables"]), {}
            return host.rest(self.command, self.path, content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names of the library

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
