"""No test can leave this machine."""

import socket

import pytest


def test_a_connection_to_another_machine_fails_the_test() -> None:
    with socket.socket() as outside, pytest.raises(AssertionError, match="only loopback"):
        outside.connect(("192.0.2.1", 443))  # a network that RFC 5737 reserves for documentation


def test_a_name_is_not_looked_up() -> None:
    with socket.socket() as outside, pytest.raises(AssertionError, match="only loopback"):
        outside.connect_ex(("api-v2.acrcloud.com", 443))


def test_a_datagram_is_not_sent() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as outside, pytest.raises(AssertionError, match="only loopback"):
        outside.sendto(b"", 0, ("192.0.2.1", 53))


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
