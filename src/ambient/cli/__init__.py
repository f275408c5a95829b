"""`ambient …`: the command line. Data on stdout, progress on stderr, an exit code for scripts.

`app.py` lists the commands; each imports what it needs when it runs, so that `--help` is instant.
"""
