"""Servers for the run stores, started once each."""

from store_places import azure_server, google_server, s3_server

__all__ = ["azure_server", "google_server", "s3_server"]
