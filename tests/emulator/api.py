"""A plain client for the emulator, which knows nothing of acrsync."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import requests

from acrsync.emulator import Running


class Api:
    """Sends requests to one emulator as with curl."""

    def __init__(self, running: Running) -> None:
        self.url = running.url
        self.token = running.token
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"Authorization": f"Bearer {running.token}", "Accept": "application/json"})

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, allow_redirects=False, timeout=10, **options)

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", f"/api{path}", params=params).json()

    def post(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.call("POST", f"/api{path}", json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.call("PUT", f"/api{path}", json=json, **options)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", f"/api{path}")

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, f"/_emulator/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reset(self, **body: Any) -> None:
        self.control("POST", "reset", body)

    def faults(self, *lines: dict[str, Any], seed: int = 0) -> None:
        self.control("DELETE", "requests")
        self.control("PUT", "faults", {"seed": seed, "faults": list(lines)})

    def requests(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", "requests")["requests"]
        return entries

    def ids(self, **params: Any) -> list[int]:
        return [row["id"] for row in self.get("/buckets", **params)["data"]]

    def create(self, name: str, **fields: Any) -> Any:
        answer = self.post("/buckets", {"name": name, "region": "eu-west-1", "type": "File", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    def exchange(self, *requests: bytes) -> bytes:
        """Send bytes on a connection of their own, and return all that comes until the server ends it."""
        with socket.create_connection(("127.0.0.1", urlsplit(self.url).port or 0), timeout=10) as connection:
            connection.sendall(b"".join(requests))
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        return received

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """Return a request as it goes over the wire."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} /api{path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    def change(self, bucket_id: int, **fields: Any) -> Any:
        answer = self.put(f"/buckets/{bucket_id}", fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]
