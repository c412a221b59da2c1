"""A plain client for the emulator, which knows nothing of acrsync."""

from typing import Any

import requests

from acrsync.emulator import Running


class Api:
    """Speaks to one emulator as a person with curl would."""

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

    def change(self, bucket_id: int, **fields: Any) -> Any:
        answer = self.put(f"/buckets/{bucket_id}", fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]
