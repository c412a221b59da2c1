"""Connections through a SOCKS proxy; imported only if PySocks is installed."""

from functools import partial

from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection

from acrsync.client.wire import LastLook, Pools, TrackedConnection, TrackedPool, TrackedTlsConnection


class _Connection(TrackedConnection, SOCKSConnection):
    pass


class _TlsConnection(TrackedTlsConnection, SOCKSHTTPSConnection):
    pass


class _Pool(TrackedPool):
    ConnectionCls = _Connection


class _TlsPool(TrackedPool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def pools(last_look: LastLook | None) -> Pools:
    """Return the constructors of connection pools, by scheme, for a pool manager."""
    return {"http": partial(_Pool, last_look=last_look), "https": partial(_TlsPool, last_look=last_look)}
