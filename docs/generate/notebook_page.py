"""A Jupyter notebook as a page: its text, its code, and what the code printed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from docs.generate.markdown import block

_OUTPUT = "{code-block} none"
_OPTIONS = ":class: output\n\n"


def page(text: str) -> str:
    """Return the notebook `text` as Markdown. What went to standard error is left out."""
    return "\n\n".join(_shown(cell).strip("\n") for cell in cells(text)) + "\n"


def cells(text: str) -> Sequence[Mapping[str, Any]]:
    """Return the cells of the notebook `text`."""
    return json.loads(text)["cells"]  # type: ignore[no-any-return]


def source(cell: Mapping[str, Any]) -> str:
    """Return the text or the code of `cell`."""
    return "".join(cell["source"])


def printed(cell: Mapping[str, Any]) -> str:
    """Return what the code of `cell` printed on standard output."""
    return "".join(
        "".join(output["text"])
        for output in cell.get("outputs", ())
        if output["output_type"] == "stream" and output["name"] == "stdout"
    )


def _shown(cell: Mapping[str, Any]) -> str:
    if cell["cell_type"] == "markdown":
        return source(cell)
    text = source(cell)
    code = block(text, "sh" if text.startswith("%%sh\n") else "python")
    output = printed(cell).strip("\n")
    if text.startswith("%%writefile") or not output:  # that it wrote the file goes without saying
        return code
    return f"{code}\n{block(_OPTIONS + output, _OUTPUT)}"
