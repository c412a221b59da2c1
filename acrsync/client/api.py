"""The client's public class: the calls there are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, Unpack
from urllib.parse import quote

import requests

from acrsync.client.address import checked_base_url, checked_token
from acrsync.client.failures import parsed, unusable
from acrsync.client.sending import Sender, Settings
from acrsync.client.shapes import Bucket, BucketPage, GetBmCsProjectsResultsParams, GetOptions
from acrsync.model import JSON


class Client:
    """Talks to the API; any number of threads may share one.

    GET, PUT and DELETE are sent again after a lost connection, 429, 500, 502, 503 and 504; a POST only where the server
    cannot have acted. One attempt is bounded by `timeout_s` to its last byte, all together by five minutes. A 429 holds
    back every thread. Redirects are not followed; the environment, `.netrc` included, is not read.

    Errors are those of `acrsync.diagnostics`; those of `get` and `json` are what `acrclient` raises, too: an answer
    that is no success is a `requests.HTTPError` with its `response`, trouble on the way a `requests.RequestException`.
    On a write that the server may have carried out nevertheless, and only there, `error.may_have_acted` is true.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How often and how fast to try again, with urllib3's meaning.

        `retries`: False, 0 and None are none, True is three. Pauses are 0, 2, 4, 8 ... times `backoff_factor` seconds,
        at most 120 s, plus up to one factor of jitter; a longer `Retry-After` is honoured.
        """

        retries: bool | int | None = 5
        backoff_factor: float = 0.1

    def __init__(  # noqa: PLR0913 - three are acrclient's, the others exist by keyword only
        self,
        bearer_token: str,
        base_url: str = "https://eu-api-v2.acrcloud.com",
        config: Config | None = None,
        *,
        read_only: bool = False,
        timeout_s: float = 60.0,
        proxies: Mapping[str, str] | None = None,
        ca_bundle: str | None = None,
        cancel: threading.Event | None = None,
        debug: Callable[[str], None] | None = None,
        last_look: Callable[[], None] | None = None,
    ) -> None:
        """Check address and token; nothing is sent.

        `base_url` may end in `/api`. `read_only`: nothing but GET can be sent. `proxies`: as in requests; only those
        for https are used. `cancel`, once set, ends all waiting: no request is sent again, while what is in flight
        finishes and a new one is still sent, once. `debug` gets one line for each attempt, from any thread, without
        token and bodies. `last_look` is called for each attempt of a write, from any thread, when the connection is
        open: right before the first byte of the body, or of the request if it has none. If it raises, the write is not
        sent, the connection is closed, and the error is raised unchanged.
        """
        config = config or Client.Config()
        self.base_url = checked_base_url(base_url)
        settings = Settings(
            base_url=self.base_url,
            token=checked_token(bearer_token),
            read_only=read_only,
            timeout_s=timeout_s,
            retries=config.retries,
            backoff_factor=config.backoff_factor,
            proxies={key: url for key, url in (proxies or {}).items() if key.partition(":")[0] == "https"},
            verify=ca_bundle or True,
            debug=debug,
            last_look=last_look,
        )
        self.read_only = read_only
        self._sender = Sender(settings, cancel=cancel)

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept; the client can still be used."""
        self._sender.close()

    @property
    def sent(self) -> Mapping[str, int]:
        """How many requests were sent so far, by method; each attempt counts."""
        return self._sender.sent()

    # What acrclient has.

    def get(
        self, path: str, params: Mapping[str, JSON] | None = None, **kwargs: Unpack[GetOptions]
    ) -> requests.Response:
        """Return the answer to a GET, read to its last byte. `path` begins with `/api`."""
        _, response = self._sender.send("GET", path, params=params, options=kwargs)
        return response

    def json(self, path: str, params: Mapping[str, JSON] | None = None, **kwargs: Unpack[GetOptions]) -> JSON:
        """Return the JSON that answers a GET."""
        return parsed(*self._sender.send("GET", path, params=params, options=kwargs))

    def get_bm_cs_projects_results(
        self,
        project_id: int,
        stream_id: str,
        params: GetBmCsProjectsResultsParams | None = None,
        **kwargs: Unpack[GetOptions],
    ) -> JSON:
        """Return the results of a custom stream of a broadcast monitoring project: the answer's `data`."""
        project, stream = (quote(str(part), safe="") for part in (project_id, stream_id))
        answer = self.json(f"/api/bm-cs-projects/{project}/streams/{stream}/results", {**(params or {})}, **kwargs)
        return answer.get("data") if isinstance(answer, dict) else None

    # Buckets. Source: Console API, "Buckets".

    def list_buckets(
        self,
        *,
        page: int = 1,
        per_page: int = 20,
        region: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own word
    ) -> BucketPage:
        """Return one page of the list, newest first."""
        params = {"page": page, "per_page": per_page, "region": region, "type": type}
        call, response = self._sender.send("GET", "/api/buckets", params=params)
        answer = parsed(call, response)
        if not _is_page(answer):
            raise unusable(call, response, "no page of a list")
        listed: BucketPage = answer
        return listed

    def get_bucket(self, bucket_id: int) -> Bucket:
        """Return one bucket. Raises: NotFound."""
        return self._bucket("GET", f"/api/buckets/{bucket_id:d}")

    def create_bucket(self, body: Mapping[str, JSON]) -> Bucket:
        """Create a bucket and return it. Raises: UnknownOutcome where the server may have acted without saying so."""
        return self._bucket("POST", "/api/buckets", body)

    def update_bucket(self, bucket_id: int, body: Mapping[str, JSON]) -> Bucket:
        """Change the keys given, of `name`, `labels` and `metadata_template`, and return the bucket."""
        return self._bucket("PUT", f"/api/buckets/{bucket_id:d}", body)

    def delete_bucket(self, bucket_id: int) -> None:
        """Delete an empty bucket. Raises: NotFound where it is gone, be it by an attempt whose answer was lost."""
        self._sender.send("DELETE", f"/api/buckets/{bucket_id:d}")

    def write(
        self,
        method: Literal["POST", "PUT", "DELETE"],
        bucket_id: int | None = None,
        body: Mapping[str, JSON] | None = None,
        **kwargs: Unpack[GetOptions],
    ) -> requests.Response:
        """Return the whole answer to a write of one bucket, whatever its body says: for `acrsync probe`, which measures.

        Without `bucket_id` it is a create, and raises UnknownOutcome if the server may have acted without saying so.
        """
        path = "/api/buckets" if bucket_id is None else f"/api/buckets/{bucket_id:d}"
        return self._sender.send(method, path, body=body, options=kwargs)[1]

    def _bucket(self, method: str, path: str, body: Mapping[str, JSON] | None = None) -> Bucket:
        call, response = self._sender.send(method, path, body=body)
        answer = parsed(call, response)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise unusable(call, response, "no bucket")
        bucket: Bucket = answer["data"]
        return bucket


def _is_page(answer: JSON) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("data"), list) and isinstance(answer.get("meta"), dict)
