"""The server: its errors are documents, as those of commands are, whatever is wrong."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, InputRequiredResult, TextContent
from pydantic import ValidationError

from harness.errors import HarnessError, InputError
from harness.support.json_output import ErrorDocument
from harness.support.printable_texts import printable_texts
from harness.support.suggestions import did_you_mean, similar, suggest

_SHOULD = re.compile(r"^\w+ should ")  # how pydantic begins, as in "Input should be less than 9"
_TEXTS = {"missing": "is missing", "extra_forbidden": "is unknown"}


class ToolServer(MCPServer[Any]):
    """An MCP server; `withheld` are the tools that it would have with another option.

    A mistyped argument is an error. The SDK alone would ignore it.
    """

    def __init__(self, name: str, withheld: Mapping[str, str], **settings: Any) -> None:
        super().__init__(name, **settings)
        self._withheld = withheld

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; an error of a person or a board is a result."""
        try:
            await self._check(name, arguments)
            return await super().call_tool(name, arguments, context)
        except HarnessError as error:
            return result_of(ErrorDocument.of(error))
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                return result_of(ErrorDocument.of(_wrong(name, cause)))
            if isinstance(cause, HarnessError):
                return result_of(ErrorDocument.of(cause))
            raise

    async def _check(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Raise `InputError` for a tool or an argument that does not exist."""
        tools = {tool.name: tool for tool in await self.list_tools()}
        if name not in tools:
            remedy = self._withheld.get(name) or suggest(name, tools)
            raise InputError(f"there is no tool {name!r}", remedy=remedy)
        known = list(tools[name].input_schema["properties"])
        for argument in arguments:
            if argument not in known:
                near = similar(argument, known)
                remedy = did_you_mean(near) if near else f"its arguments: {', '.join(known)}"
                what = f"the tool {name} has no argument {argument!r}"
                raise InputError(what, remedy=remedy if known else "it has no arguments")


def result_of(document: ErrorDocument) -> CallToolResult:
    """Return an error as the result of a call."""
    data = msgspec.to_builtins(printable_texts(document))
    return CallToolResult(
        content=[TextContent(type="text", text=msgspec.json.encode(data).decode())],
        structured_content=data,
        is_error=True,
    )


def _wrong(name: str, error: ValidationError) -> InputError:
    """Return the error for arguments that do not fit; pydantic says why."""
    texts = []
    for each in error.errors(include_url=False, include_input=False):
        place = ".".join(map(str, each["loc"]))
        texts.append(f"{place} {_TEXTS.get(each['type']) or _SHOULD.sub('must ', each['msg'])}")
    return InputError("; ".join(texts), where=f"arguments of the tool {name}")
