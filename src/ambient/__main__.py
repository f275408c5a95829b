"""`python -m ambient`, and the program `ambient`."""

from ambient.cli.main import main

if __name__ == "__main__":
    main()
