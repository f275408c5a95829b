"""Runners as subprocesses of this machine."""
