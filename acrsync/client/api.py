"""The client's public class."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, Unpack
from urllib.parse import quote

import requests

from acrsync.bucket import canonical_number
from acrsync.client.address import checked_base_url, checked_token
from acrsync.client.arguments import bucket_path, checked_body, checked_config
from acrsync.client.environment import arguments_from
from acrsync.client.errors import InvalidAnswer
from acrsync.client.failures import unusable
from acrsync.client.listing import Page, complete
from acrsync.client.options import Options, checked_proxies, checked_timeout
from acrsync.client.sending import Sender, Settings
from acrsync.client.shapes import Bucket, BucketPage, GetBmCsProjectsResultsParams, GetOptions, Params, StreamResult
from acrsync.frozen import frozen
from acrsync.model import JSON

_TIMEOUT_S = 60.0


class Client:
    """A client of the API that any number of threads can share.

    GET, PUT and DELETE are sent again after a lost connection, an incomplete success, 429, 500, 502, 503 and 504; a
    POST only if the server cannot have acted. One attempt takes at most `timeout_s` to its last byte, all attempts
    together at most five minutes, or `timeout_s` if that is longer. An answer has at most 64 MiB. A 429 pauses every
    thread. Redirects are not followed. The environment and `.netrc` are not read.

    Errors are those of `acrsync.diagnostics`. `get` and `json` raise errors that are also those of `acrclient`: a
    `requests.HTTPError` with its `response` if the answer is not a success, a `requests.RequestException` if the
    connection fails. `error.may_have_acted` is true only for a write that the server may have carried out.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Retries, with urllib3's meaning.

        `retries`: False, 0 and None mean none, True means three. Pauses are 0, 2, 4, 8 ... times `backoff_factor`
        seconds, at most 120 s, plus jitter of up to one factor; a longer `Retry-After` is respected.
        """

        retries: bool | int | None = 5
        backoff_factor: float = 0.1

    def __init__(  # noqa: PLR0913 - three are acrclient's, the others are keyword-only
        self,
        bearer_token: str,
        base_url: str = "https://eu-api-v2.acrcloud.com",
        config: Config | None = None,
        *,
        read_only: bool = False,
        timeout_s: float = _TIMEOUT_S,
        proxies: Mapping[str, str] | None = None,
        ca_bundle: str | None = None,
        cancel: threading.Event | None = None,
        debug: Callable[[str], None] | None = None,
        last_look: Callable[[], None] | None = None,
    ) -> None:
        """Check address and token; send nothing.

        `base_url` may end in `/api`. `read_only`: only GET can be sent. `proxies`: as in requests, for an https
        endpoint. `cancel`: when set, waiting ends and no request is sent again; requests in flight finish, and new
        requests are sent once. `debug` is called with one line for each attempt, from any thread, without token and
        bodies. `last_look` is called for each attempt of a write, from any thread, when the connection is open: right
        before the first byte of the body, or of the request if it has no body. If it raises, the write is not sent, the
        connection is closed, and the error is raised unchanged.
        """
        # For pickles and copies.
        self._arguments: dict[str, Any] = {
            "bearer_token": bearer_token, "base_url": base_url, "config": config, "read_only": read_only,
            "timeout_s": timeout_s, "proxies": proxies, "ca_bundle": ca_bundle, "cancel": cancel, "debug": debug,
            "last_look": last_look,
        }  # fmt: skip
        self.base_url = checked_base_url(base_url)
        token = checked_token(bearer_token)
        retries, backoff_factor = checked_config(config or Client.Config())
        through = checked_proxies(proxies, base_url=self.base_url)
        settings = Settings(
            base_url=self.base_url,
            token=token,
            read_only=read_only,
            retries=retries,
            backoff_factor=backoff_factor,
            defaults=Options(
                timeout=checked_timeout(timeout_s, default=_TIMEOUT_S), verify=ca_bundle or True, proxies=through
            ),
            debug=debug,
            last_look=last_look,
        )
        self.read_only = read_only
        self._sender = Sender(settings, cancel=cancel)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **arguments: Any) -> Self:
        """Return a client with the settings of environment variables, as the command line reads them.

        `ACRSYNC_TOKEN`, else `ACRCLOUD_ACCESS_TOKEN`; `ACRSYNC_ENDPOINT`; `HTTPS_PROXY` and `NO_PROXY`;
        `REQUESTS_CA_BUNDLE`, else `SSL_CERT_FILE`. Arguments override them. Raises: AcrsyncError if no token is set, or
        an empty one.
        """
        found = arguments_from(os.environ if environ is None else environ, given=arguments)
        return cls(**found)

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r})"

    def __reduce__(self) -> tuple[Callable[..., Client], tuple[type[Client], dict[str, Any], dict[str, Any]]]:
        bound = [name for name in ("cancel", "debug", "last_look") if self._arguments[name] is not None]
        if bound:
            raise TypeError(f"a Client with {' and '.join(bound)} belongs to its process and cannot be pickled")
        more = {name: value for name, value in vars(self).items() if name not in ("_arguments", "_sender")}
        return _unpickled, (type(self), self._arguments, more)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections; the client can still be used."""
        self._sender.close()

    @property
    def session(self) -> requests.Session:
        """The session that sends, for tests that replace its adapter. It does not add the token."""
        return self._sender.session

    @property
    def sent(self) -> Mapping[str, int]:
        """The number of requests so far, by method; each attempt counts."""
        return self._sender.sent()

    # The methods of acrclient.

    def get(self, path: str, params: Params = None, **kwargs: Unpack[GetOptions]) -> requests.Response:
        """Return the answer to a GET, read to its last byte unless `stream`. `path` begins with `/api`."""
        return self._sender.send("GET", path, params=params, changes=kwargs).response

    def json(self, path: str, params: Params = None, **kwargs: Unpack[GetOptions]) -> JSON:
        """Return the JSON of the answer to a GET."""
        if getattr(self.get, "__func__", None) is not _GET:  # a subclass or a test has another one
            found: JSON = self.get(path, params=params, **kwargs).json()
            return found
        return self._sender.send("GET", path, params=params, changes=kwargs, parse=True).content

    def get_bm_cs_projects_results(
        self,
        project_id: int,
        stream_id: str,
        params: GetBmCsProjectsResultsParams | None = None,
        **kwargs: Unpack[GetOptions],
    ) -> list[StreamResult] | None:
        """Return the results of a custom stream of a broadcast monitoring project."""
        project, stream = (quote(str(part), safe="") for part in (project_id, stream_id))
        path = f"/api/bm-cs-projects/{project}/streams/{stream}/results"
        answer = self.json(path, params=params, **kwargs)
        if not isinstance(answer, dict):
            raise InvalidAnswer(f"{path}: it is not an object with results.")
        results: list[StreamResult] | None = answer.get("data")
        return results

    # Buckets. Source: Console API, "Buckets".

    def list_buckets(
        self,
        *,
        page: int = 1,
        per_page: int = 20,
        region: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own word
    ) -> BucketPage:
        """Return one page of the list, newest first. One page is not the account: see `iter_buckets`."""
        params = {"page": page, "per_page": per_page, "region": region, "type": type}
        call, response, answer = self._sender.send("GET", "/api/buckets", params=params, parse=True)
        if not _is_page(answer):
            raise unusable(call, response, "no page of a list")
        listed: BucketPage = answer
        return listed

    def iter_buckets(
        self,
        *,
        region: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own word
    ) -> Iterator[Bucket]:
        """Yield every bucket, newest first, after it is proven that none is missing.

        Raises: IncompleteListing if the list changes during every attempt to read it.
        """

        def fetch(number: int, per_page: int) -> Page[_Listed]:
            return _page(self.list_buckets(page=number, per_page=per_page, region=region, type=type))

        for listed in complete(fetch, map, what="buckets").rows:
            yield listed.bucket

    def get_bucket(self, bucket_id: int | str) -> Bucket:
        """Return one bucket. Raises: NotFound."""
        return self._bucket("GET", bucket_path(bucket_id))

    def create_bucket(self, body: Mapping[str, JSON]) -> Bucket:
        """Create a bucket and return it. A `metadata_template` is JSON text or a mapping.

        Raises: UnknownOutcome if the server may have created it, but no usable answer came.
        """
        return self._bucket("POST", "/api/buckets", checked_body(body))

    def update_bucket(self, bucket_id: int | str, body: Mapping[str, JSON]) -> Bucket:
        """Change `name`, `labels` or `metadata_template`, and return the bucket."""
        return self._bucket("PUT", bucket_path(bucket_id), checked_body(body))

    def delete_bucket(self, bucket_id: int | str) -> None:
        """Delete an empty bucket. Raises: NotFound if it is gone, perhaps after an attempt whose answer was lost."""
        self._sender.send("DELETE", bucket_path(bucket_id))

    def write(
        self,
        method: Literal["POST", "PUT", "DELETE"],
        bucket_id: int | None = None,
        body: Mapping[str, JSON] | None = None,
        **kwargs: Unpack[GetOptions],
    ) -> requests.Response:
        """Return the answer to a write of one bucket, without reading its body; for `acrsync probe`.

        Without `bucket_id` it is a create. Raises: UnknownOutcome if the server may have created the bucket, but no
        answer came.
        """
        path = "/api/buckets" if bucket_id is None else bucket_path(bucket_id)
        return self._sender.send(method, path, body=body, changes=kwargs).response

    def _bucket(self, method: str, path: str, body: Mapping[str, JSON] | None = None) -> Bucket:
        call, response, answer = self._sender.send(method, path, body=body, parse=True)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise unusable(call, response, "no bucket")
        bucket: Bucket = answer["data"]
        return bucket


@frozen
class _Listed:
    """A row of the list with its id."""

    id: int
    bucket: Bucket


def _page(answer: BucketPage) -> Page[_Listed]:
    """Return a page of the list. Raises: RemoteError if a row has no id."""
    total, per_page = (_positive(answer["meta"].get(key)) for key in ("total", "per_page"))
    rows = tuple(_Listed(row.get("id", 0), row) for row in answer["data"] if isinstance(row, dict))
    usable = [row for row in rows if isinstance(row.id, int) and not isinstance(row.id, bool) and row.id > 0]
    if len(usable) < len(answer["data"]):
        raise InvalidAnswer("/api/buckets: it is not a list of rows with an id.")
    return Page(rows, total, per_page or None)


def _positive(value: JSON) -> int | None:
    """Return a whole number that is not negative, which may be text; None if it is not one."""
    number = canonical_number(value)
    return number if isinstance(number, int) and not isinstance(number, bool) and number >= 0 else None


_GET = Client.get


def _unpickled(kind: type[Client], arguments: Mapping[str, Any], more: Mapping[str, Any]) -> Client:
    """Return a pickled client; a subclass may have another constructor."""
    made = kind.__new__(kind)
    Client.__init__(made, **arguments)
    vars(made).update(more)
    return made


def _is_page(answer: JSON) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("data"), list) and isinstance(answer.get("meta"), dict)
