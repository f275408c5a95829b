"""Agents a runner can host."""
