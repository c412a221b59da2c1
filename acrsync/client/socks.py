"""Connections by way of a SOCKS proxy; imported only if PySocks is installed."""

from functools import partial

from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection

from acrsync.client.wire import Holding, LastLook, Pools, Sending, TlsSending


class _Connection(Sending, SOCKSConnection):
    pass


class _TlsConnection(TlsSending, SOCKSHTTPSConnection):
    pass


class _Pool(Holding):
    ConnectionCls = _Connection


class _TlsPool(Holding, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def pools(last_look: LastLook | None) -> Pools:
    """Return what makes connection pools, by scheme, as a pool manager takes it."""
    return {"http": partial(_Pool, last_look=last_look), "https": partial(_TlsPool, last_look=last_look)}
