"""One module per kind of measurement; each registers itself."""
