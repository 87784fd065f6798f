"""Run `sftdata` as `python -m sftdata`."""

from sftdata.cli import main

if __name__ == "__main__":
    main()
