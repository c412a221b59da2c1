"""The way to an https endpoint: whom it trusts, and which proxy it takes. All of it on loopback."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acrsync.extras import EXTRAS
from e2e.commandline import ROOT, TOKEN, Place
from hostile import Hostile, Request, answered, hostile, listing, ok, row

CERTIFICATE = Path(__file__).with_name("loopback.pem")
MANIFEST = "version: 1\nbuckets:\n  - {name: bucket-8881, region: eu-west-1, type: File}\n"


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection in a thread of its own and yield the port."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(2)


@pytest.fixture
def api() -> Iterator[Hostile]:
    """An API that lists one bucket; what speaks TLS for it is `tls`."""
    with hostile(ok(listing(row()))) as running:
        yield running


@pytest.fixture
def tls(api: Hostile) -> Iterator[str]:
    """The address of `api` behind TLS, with a certificate that is untrusted by default."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def serve(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                api.serve(secure, 0)
        except OSError:
            return

    with listening(serve) as port:
        yield f"https://127.0.0.1:{port}"


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[str]]]:
    """A proxy and the heads of the requests that it was sent."""
    lines: list[str] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def serve(connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(65536)
        lines.append(head.decode().replace("\r\n", "\n").rstrip())
        host, _, port = head.split()[1].decode().rpartition(":")
        with connection, socket.create_connection((host, int(port))) as server:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, connection), daemon=True)
            back.start()
            pump(connection, server)
            back.join()

    with listening(serve) as port:
        yield f"http://127.0.0.1:{port}", lines


@pytest.fixture
def ready(bare: Place, tls: str) -> Place:
    bare.write("acrsync.yaml", MANIFEST)
    bare.environment |= {"ACRSYNC_TOKEN": TOKEN, "ACRSYNC_ENDPOINT": tls}
    return bare


def test_an_untrusted_certificate_ends_the_run(ready: Place, api: Hostile):
    done = ready.acrsync("plan")
    assert (done.code, done.codes, api.requests) == (1, ["E412"], [])
    assert "REQUESTS_CA_BUNDLE=/path/to/ca.pem" in done.err


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_private_ca_can_be_set(ready: Place, api: Hostile, name):
    assert ready.acrsync("plan", environment={name: str(CERTIFICATE)}).code == 0
    assert set(api.methods) == {"GET"}


def test_a_missing_or_invalid_ca_bundle_is_reported(ready: Place, api: Hostile):
    ready.write("none.pem", "nothing")
    for name, reason in (("missing.pem", "No such file or directory"), ("none.pem", "it contains no certificate")):
        done = ready.acrsync("plan", environment={"REQUESTS_CA_BUNDLE": name})
        assert (done.code, done.codes, api.requests) == (1, ["E016"], [])
        assert f"is {name}: {reason}." in done.err


@pytest.fixture
def system(tmp_path: Path) -> dict[str, str]:
    """A folder of authorities as OpenSSL reads those of a system, in the place of this one's."""
    digest = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", CERTIFICATE], capture_output=True, text=True, check=True
    )
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / f"{digest.stdout.strip()}.0").write_bytes(CERTIFICATE.read_bytes())
    return {"SSL_CERT_DIR": str(folder)}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl, which names the files of such a folder")
def test_the_authorities_of_the_system_are_trusted_if_asked_for(ready: Place, api: Hostile, system, proxy):
    pytest.importorskip("truststore", reason="truststore is not installed: see the dev group")
    for value in ("0", "false", ""):
        done = ready.acrsync("plan", environment={**system, "ACRSYNC_TRUSTSTORE": value})
        assert (done.code, done.codes, api.requests) == (1, ["E412"], [])
    assert ready.acrsync("plan", environment={**system, "ACRSYNC_TRUSTSTORE": "1"}).code == 0
    through = {**system, "ACRSYNC_TRUSTSTORE": "1", "HTTPS_PROXY": proxy[0]}
    assert ready.acrsync("plan", environment=through).code == 0
    assert len(proxy[1]) == 1


def test_the_authorities_of_the_system_do_not_let_any_certificate_pass(ready: Place, api: Hostile):
    pytest.importorskip("truststore", reason="truststore is not installed: see the dev group")
    done = ready.acrsync("plan", environment={"ACRSYNC_TRUSTSTORE": "1"})
    assert (done.code, done.codes, api.requests) == (1, ["E412"], [])


def test_only_the_given_ca_bundle_is_trusted(ready: Place, api: Hostile, system, tmp_path: Path):
    other = certificate_of_another_owner(tmp_path)
    environment = {**system, "ACRSYNC_TRUSTSTORE": "1", "REQUESTS_CA_BUNDLE": str(other)}
    done = ready.acrsync("plan", environment=environment)
    assert (done.code, done.codes, api.requests) == (1, ["E412"], [])


def certificate_of_another_owner(folder: Path) -> Path:
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null"]
    subprocess.run([*line, "-out", folder / "other.pem"], capture_output=True, check=True)
    return folder / "other.pem"


def test_without_truststore_the_package_to_install_is_named(ready: Place):
    hidden = "import sys; sys.modules['truststore'] = None; from acrsync.cli import main; main()"
    done = ready.ended(ready.begin([sys.executable, "-c", hidden, "plan"], environment={"ACRSYNC_TRUSTSTORE": "yes"}))
    assert (done.code, done.codes) == (1, ["E018"])
    assert f'fix: install it: {sys.executable} -m pip install "truststore>=0.10.1"\n' in done.err
    done = ready.acrsync("plan", environment={"ACRSYNC_TRUSTSTORE": "perhaps"})
    assert (done.code, done.codes, "ACRSYNC_TRUSTSTORE" in done.err) == (1, ["E002"], True)


def test_the_package_to_install_is_that_of_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    assert set(EXTRAS.values()) <= set(asked)


def test_https_uses_the_proxy_as_a_tunnel(ready: Place, api: Hostile, tls: str, proxy):
    url, lines = proxy
    environment = {"HTTPS_PROXY": url, "REQUESTS_CA_BUNDLE": str(CERTIFICATE)}
    assert ready.acrsync("plan", environment=environment).code == 0
    assert {line.split(" HTTP/")[0] for line in lines} == {f"CONNECT {tls.removeprefix('https://')}"}
    assert set(api.methods) == {"GET"}


@pytest.mark.parametrize("spared", ["127.0.0.1", "*", "example.org,127.0.0.1"])
def test_no_proxy_excludes_a_host(ready: Place, api: Hostile, proxy, spared):
    url, lines = proxy
    environment = {"HTTPS_PROXY": url, "NO_PROXY": spared, "REQUESTS_CA_BUNDLE": str(CERTIFICATE)}
    assert ready.acrsync("plan", environment=environment).code == 0
    assert (lines, set(api.methods)) == ([], {"GET"})


def test_all_proxy_is_not_used_for_loopback(ready: Place, proxy):
    url, lines = proxy
    environment = {"ALL_PROXY": url, "HTTP_PROXY": url, "http_proxy": url, "REQUESTS_CA_BUNDLE": str(CERTIFICATE)}
    assert ready.acrsync("plan", environment=environment).code == 0
    assert lines == []


CREDENTIALS = "proxy-user:proxy-p%40ss"


def test_proxy_credentials_are_sent_and_never_shown(ready: Place, api: Hostile, proxy):
    url, lines = proxy
    named = url.replace("://", f"://{CREDENTIALS}@")
    ready.secrets |= {"proxy-p@ss", CREDENTIALS, b64encode(b"proxy-user:proxy-p@ss").decode()}
    environment = {"HTTPS_PROXY": named, "REQUESTS_CA_BUNDLE": str(CERTIFICATE)}
    done = ready.acrsync("plan", "--debug", "--out", "plan.json", environment=environment)
    assert done.code == 0, done.err
    assert all(f"Proxy-Authorization: Basic {b64encode(b'proxy-user:proxy-p@ss').decode()}" in line for line in lines)
    assert "proxy-p" not in ready.everything_written()
    with hostile(answered(407, "no")) as refusing:
        environment["HTTPS_PROXY"] = refusing.url.replace("://", f"://{CREDENTIALS}@")
        done = ready.acrsync("plan", "--debug", environment=environment)
    assert (done.code, done.codes) == (1, ["E413"])


def test_a_proxy_refusal_is_distinguished_from_an_api_refusal(ready: Place, api: Hostile):
    with hostile(answered(407, "no")) as refusing:
        done = ready.acrsync("plan", environment={"HTTPS_PROXY": refusing.url})
    assert (done.code, done.codes, api.requests) == (1, ["E413"], [])


def test_a_plain_http_server_at_an_https_address_is_reported(ready: Place):
    def serve(connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(serve) as port:
        done = ready.acrsync("plan", "--endpoint", f"https://127.0.0.1:{port}")
    assert (done.code, done.codes) == (1, ["E415"])


@pytest.mark.parametrize(
    "address",
    [
        "http://user:hush/hush-word@127.0.0.1:1",
        "http://user:12#hush-word@127.0.0.1:1",
        "http://user:hush-word@127.0.0.1:port",
        "user:hush-word@",
        "ftp://user:hush-word@127.0.0.1",
    ],
)
def test_an_invalid_proxy_url_ends_the_run_and_is_not_shown(ready: Place, api: Hostile, address):
    for command in (("plan", "--debug"), ("apply", "--yes", "--debug"), ("export", "--debug")):
        done = ready.acrsync(*command, environment={"HTTPS_PROXY": address})
        assert (done.code, done.codes, api.requests) == (1, ["E454"], [])
        assert "hush-word" not in done.out + done.err
        assert "HTTPS_PROXY" in done.err


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_the_login_is_tried_once_and_the_password_is_not_shown(ready: Place, status):
    """It repeats the login in its refusal: as it is, and in base64, as it was sent."""
    asked: list[bytes] = []
    basic = base64.b64encode(b"user:hush-word/1").decode()

    def serve(connection: socket.socket) -> None:
        with connection:
            asked.append(connection.recv(65536))
            connection.sendall(f"HTTP/1.1 {status} not user:hush-word%2F1 nor Basic {basic}\r\n\r\n".encode())

    with listening(serve) as port:
        environment = {"HTTPS_PROXY": f"http://user:hush-word%2F1@127.0.0.1:{port}"}
        done = ready.acrsync("plan", "--debug", environment=environment)
    assert (done.code, done.codes, len(asked)) == (1, ["E413"], 1)
    assert basic.encode() in asked[0]
    assert not {secret for secret in ("hush-word", basic, basic[5:15]) if secret in done.out + done.err}


def test_interim_answers_are_skipped(ready: Place):
    announced = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"

    def announcing(connection: socket.socket, request: Request) -> bool | None:
        connection.sendall(announced)
        return ok(listing(row()))(connection, request)

    with hostile(announcing, tls=True) as server:
        done = ready.acrsync("plan", "--endpoint", server.url, environment={"REQUESTS_CA_BUNDLE": str(CERTIFICATE)})
    assert (done.code, set(server.methods)) == (0, {"GET"})
