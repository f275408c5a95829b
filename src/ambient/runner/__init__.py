"""The process in a session's place."""
