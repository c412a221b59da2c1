"""An emulator of the ACRCloud Console API: a real HTTP server on this machine that answers as the API does.

As the API does, not as a client would like: see docs/emulator.md for what it knows, what it guesses, and how both can
be changed. It shares no code with the rest of acrsync, so that a wrong belief about the API cannot hide on both sides.
"""

from acrsync.emulator.server import Running, serve

__all__ = ["Running", "serve"]
