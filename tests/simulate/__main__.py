"""Plays seeds for a given time, shrinks what breaks a promise, and tells its story: `make simulate`."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import count

from simulate.play import Play, scenario, shrunk, story
from simulate.whole import apply

CHUNK = 25


def broken_in(first: int) -> list[int]:
    """Return the seeds of one chunk that break a promise."""
    return [seed for seed in range(first, first + CHUNK) if Play(scenario(seed), apply).run()]


def main() -> int:
    seconds, workers = float(os.environ.get("SECONDS", "60")), int(os.environ.get("WORKERS", "2"))
    if seed := os.environ.get("SEED"):
        return tell(int(seed))
    began, played, broken = time.monotonic(), 0, []
    first = int(time.time()) * 1_000_000 if os.environ.get("FRESH") else 0
    with ProcessPoolExecutor(workers) as pool:
        starts = count(first, CHUNK)
        running = [pool.submit(broken_in, next(starts)) for _ in range(2 * workers)]
        while running:
            broken += running.pop(0).result()
            played += CHUNK
            if time.monotonic() - began < seconds and not broken:
                running.append(pool.submit(broken_in, next(starts)))
    took_s = time.monotonic() - began
    sys.stdout.write(
        f"{played} seeds from {first} in {took_s:.0f} s: {60 * played / took_s:.0f} a minute, {len(broken)} broken"
        + "\n"
    )
    return tell(broken[0]) if broken else 0


def tell(seed: int) -> int:
    """Play one seed; if it breaks a promise, make it small and tell what happens."""
    found = scenario(seed)
    if not Play(found, apply).run():
        sys.stdout.write(f"{found}\nkeeps every promise" + "\n")
        return 0
    found = shrunk(found, lambda smaller: bool(Play(smaller, apply).run()))
    play = Play(found, apply)
    broken = play.run()
    sys.stdout.write(
        f"{found}\n\n{story(play)}\n\nbroken: {'; '.join(broken)}\nagain: make simulate SEED={seed}" + "\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
