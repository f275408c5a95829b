"""The platform as tools for agents (MCP), for people's own agents and for those in sessions.

table   every tool: name, words, schema, who may have it
steps   what a tool does, as requests to the API and what is made of the replies; no I/O
serve   an MCP server of tools, over the official SDK (extra `ambient[mcp]`)

Whoever serves them sends the requests: with a person's login (`ambient mcp serve`), or in a
session's runner with its bot token, which no agent ever sees.
"""
