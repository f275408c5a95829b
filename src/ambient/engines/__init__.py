"""Engines launch, observe and remove runners."""
