"""Texts from outside in Markdown: as code, in which nothing has a meaning.

GitHub and GitLab find mentions, references and links in the text that Markdown yields, so a
backslash does not stop them. In code they look for nothing. Code also holds no HTML and no images.
"""

from harness.support.printable import printable

_LONGEST = 160  # characters
_CODES = str.maketrans({"`": "⟨0060⟩", "|": "⟨007C⟩"})  # they end code, or a cell of a table


def code(text: str, longest: int = _LONGEST) -> str:
    """Return `text` in one line as code, with numbers for characters that would end the code."""
    shown = printable(text, longest).translate(_CODES)
    return f"`{shown}`" if shown.strip() else "`⟨empty⟩`"
