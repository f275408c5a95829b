"""Ambient: a platform for agentic coding sessions."""

VERSION = "0.1.0"
