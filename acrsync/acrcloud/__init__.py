"""An ACRCloud account, as planning and applying use it: observe, read, count, create, update, delete."""

from acrsync.acrcloud.account import Account

__all__ = ["Account"]
