"""Run `python -m acrsync`."""

from acrsync.cli import main

if __name__ == "__main__":
    main()
