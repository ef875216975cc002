"""The repository that this harness was installed from, for the CI files of a new one."""

from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from harness.support.commit_pages import remote_of, web_address

_PLACEHOLDERS = {"github": "OWNER/tinyml-harness", "gitlab": "GROUP/tinyml-harness"}
_HINT = "# Put the "  # begins the comment that asks for it


class _DirectUrl(msgspec.Struct):
    """What pip notes: https://packaging.python.org/specifications/direct-url-data-structure."""

    url: str = ""
    vcs_info: dict[str, str] | None = None


def with_origin(template: str, host: str, origin: str) -> str:
    """Return a CI file for a `host`, such as github, with the path of the harness's repository.

    It stays as it is if the repository, whose web address is `origin`, lies elsewhere.
    """
    address = urlsplit(origin)
    if host not in address.netloc:
        return template
    kept = [line for line in template.splitlines(keepends=True) if _HINT not in line]
    return "".join(kept).replace(_PLACEHOLDERS[host], address.path.strip("/"))


def harness_origin() -> str:
    """Return the web address of the repository; empty if it is not known.

    The harness may be installed from there, or from a checkout with a remote.
    """
    noted = distribution("tinyml-harness").read_text("direct_url.json")
    try:
        source = msgspec.json.decode(noted or "{}", type=_DirectUrl)
    except msgspec.DecodeError:
        return ""
    parts = urlsplit(source.url)
    if parts.scheme == "file":
        return web_address(remote_of(Path(unquote(parts.path))))
    return web_address(source.url) if source.vcs_info else ""
