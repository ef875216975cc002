"""An MCP server, so that assistants use boards as a person does: through the `harness` command."""
