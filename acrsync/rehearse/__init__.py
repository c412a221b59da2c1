"""Runs the real command on an emulator, once for each disruption at each request."""
