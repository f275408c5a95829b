"""What two processes agree on. Pydantic and the standard library only; imported by every part."""
