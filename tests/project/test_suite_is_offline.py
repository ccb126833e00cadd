"""A connection from the suite to another machine raises an error."""

import os
import socket
import urllib.request

import pytest

ELSEWHERE = ("192.0.2.1", 80)  # an address reserved for documentation


def test_a_connection_to_another_machine_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(RuntimeError, match="without a network"):
        sock.connect(ELSEWHERE)


def test_a_datagram_to_another_machine_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(RuntimeError, match="without a network"):
        sock.sendto(b"hello", ELSEWHERE)


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(RuntimeError, match="without a network"):
        urllib.request.urlopen("http://example.org", timeout=1)


def test_a_server_on_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()


def test_a_local_socket_can_be_reached() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.sendall(b"hello")
        assert there.recv(5) == b"hello"


def test_model_hubs_are_off_in_child_processes_too() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
