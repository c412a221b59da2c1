"""The typed dictionaries that travel through the client's public methods.

They help an editor and promise nothing: the server may leave keys out and add others.
"""

from typing import NotRequired, TypedDict

from acrsync.model import JSON


class Bucket(TypedDict, total=False):
    """One bucket as the API answers it. Source: Console API, "List Buckets"."""

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
    """One page of the list. `links` drop filters and page size: count `page` up instead of following them."""

    data: list[Bucket]
    links: NotRequired[dict[str, str | None]]
    meta: dict[str, JSON]


class GetBmCsProjectsResultsParams(TypedDict):
    """What the results of a custom stream can be narrowed to. Source: Console API, "Custom Streams Results"."""

    type: str  # last or day
    date: str  # YYYYmmdd, a day in UTC
    min_duration: NotRequired[int | None]  # seconds played
    max_duration: NotRequired[int | None]
    isrc_country: NotRequired[str | None]
    with_false_positive: NotRequired[int | None]  # 0 or 1


class GetOptions(TypedDict, total=False):
    """What one GET may do differently; the other options of `requests.get` would undo what the client promises."""

    timeout: float  # seconds for one attempt, to its last byte
    headers: dict[str, str]
