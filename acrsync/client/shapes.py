"""The typed dictionaries of the client's public methods.

They are hints for editors, not promises: the server may omit keys and add others.
"""

from collections.abc import Callable, Iterable, Mapping
from http.cookiejar import CookieJar
from typing import Any, Literal, NotRequired, TypedDict

from acrsync.model import JSON

# As in requests.
Params = Mapping[str, Any] | Iterable[tuple[str, Any]] | str | bytes | None


class Bucket(TypedDict, total=False):
    """One bucket in an answer of the API. Source: Console API, "List Buckets"."""

    id: int
    uid: int
    name: str
    type: str
    region: str
    net_type: int
    labels: list[str] | None
    metadata_template: str | None  # JSON text
    num: int
    size: int | str
    state: int
    node: str
    access_permission: str
    created_at: str
    updated_at: str


class BucketPage(TypedDict):
    """One page of the list. `links` drop filters and page size: increment `page` instead of following them."""

    data: list[Bucket]
    links: NotRequired[dict[str, str | None]]
    meta: dict[str, JSON]


class GetBmCsProjectsResultsParams(TypedDict):
    """The filters for the results of a custom stream. Source: Console API, "Custom Streams Results"."""

    type: str  # last or day
    date: str  # YYYYmmdd, a day in UTC
    min_duration: NotRequired[int | None]  # seconds played
    max_duration: NotRequired[int | None]
    isrc_country: NotRequired[str | None]
    with_false_positive: NotRequired[int | None]  # 0 or 1


class Artist(TypedDict, total=False):
    """The artist of a piece of music."""

    name: str


class Album(TypedDict, total=False):
    """The album of a piece of music."""

    name: str


class Music(TypedDict, total=False):
    """One recognized piece of music from ACRCloud's catalogue."""

    acrid: str
    title: str
    artists: list[Artist]
    album: Album
    label: str
    release_date: str
    duration_ms: int
    score: int
    play_offset_ms: int
    result_from: int
    external_ids: dict[str, JSON]
    external_metadata: dict[str, JSON]


class ResultMetadata(TypedDict, total=False):
    """What was recognized: `music` or `custom_files`, each of which may be null.

    A custom file has the keys that its owner set, of any type: `album` may be text.
    """

    type: str
    timestamp_utc: str  # YYYY-mm-dd HH:MM:SS
    played_duration: int  # seconds
    music: list[Music] | None
    custom_files: list[dict[str, JSON]] | None


class ResultStatus(TypedDict, total=False):
    """Whether anything was recognized."""

    msg: str
    code: int
    version: str


class StreamResult(TypedDict, total=False):
    """One result of a custom stream. Source: Console API, "Custom Streams Results"."""

    status: ResultStatus
    result_type: int
    metadata: ResultMetadata


class GetOptions(TypedDict, total=False):
    """The options of a GET, as in requests. All others are refused."""

    timeout: (
        float | tuple[float | None, float | None] | None
    )  # for one attempt to its last byte; or for connecting, and for the rest
    headers: Mapping[str, str | None] | None
    verify: bool | str | None
    cert: str | tuple[str, str] | None
    proxies: Mapping[str, str | None] | None  # only those for https are used
    stream: bool | None  # the body is not read yet; only the time for it is limited, not its size
    cookies: Mapping[str, str] | CookieJar | None
    hooks: Mapping[str, Callable[..., Any] | Iterable[Callable[..., Any]]] | None
    allow_redirects: Literal[False] | None
