"""The promised numbers, measured: `make bench`, or `python -m bench [row…] [--quick]`."""
