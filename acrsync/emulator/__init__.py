"""An emulator of the ACRCloud Console API: an HTTP server on this machine that answers as the API does.

docs/emulator.md says what is documented, what is a guess, and how to change both. The emulator shares no code with the
rest of acrsync: a wrong assumption about the API in shared code would pass every test.
"""

from acrsync.emulator.server import Running, serve

__all__ = ["Running", "serve"]
