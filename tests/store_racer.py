"""A process that swaps on request: `python store_racer.py WHERE KEY`, then one version per line, `-` for none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from acrsync.runs.store import StoreError
from acrsync.runs.where import Folder, open_store, parse_where


def main() -> None:
    where = parse_where(sys.argv[1], in_manifest=False)
    assert not isinstance(where, Folder)
    store = open_store(where, sys.argv[2], project=Path(), environment=os.environ)
    _say("ready")
    for line in sys.stdin:
        expected = None if line == "-\n" else line.removesuffix("\n")
        data = f"{os.getpid()} after {expected}".encode()
        try:
            _say(f"won {store.swap(data, expected=expected, note=f'racer {os.getpid()}')}")
        except StoreError as error:
            _say(f"lost {error.diagnostic.code} {error.diagnostic.detail}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
