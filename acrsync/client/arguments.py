"""Checks the arguments of calls before anything is sent."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any

from acrsync.client.errors import InvalidCall
from acrsync.model import JSON
from acrsync.visible import visible


def checked_config(config: Any) -> tuple[bool | int | None, float]:
    """Return retries and backoff factor. Raises: InvalidCall."""
    retries, factor = getattr(config, "retries", ""), getattr(config, "backoff_factor", "")
    if not (retries is None or isinstance(retries, int)) or not isinstance(factor, int | float) or not factor >= 0:
        raise InvalidCall(
            "The config is not a Client.Config with a number of retries and a backoff factor that is not negative.",
            fix="write it as in Client.Config(retries=5, backoff_factor=0.1).",
        )
    return retries, float(factor)


def bucket_path(bucket_id: Any) -> str:
    """Return the path of one bucket, whose id may be text. Raises: InvalidCall."""
    text = str(bucket_id) if _is_whole(bucket_id) else bucket_id
    if not isinstance(text, str) or not text.isascii() or not text.isdigit():
        raise InvalidCall(f"A bucket's id is a whole number such as 14791, not {visible(repr(bucket_id))[:50]}.")
    return f"/api/buckets/{text}"


def _is_whole(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and operator.index(value) >= 0
    except TypeError:
        return False


def checked_body(body: Any) -> Mapping[str, JSON]:
    """Return a bucket's keys as they are sent: a template as text. Raises: InvalidCall."""
    if not isinstance(body, Mapping):
        raise InvalidCall(f"A bucket is a mapping such as {{'name': 'music'}}, not {type(body).__name__}.")
    template = body.get("metadata_template")
    if not isinstance(template, Mapping):
        return dict(body)
    try:
        return {**body, "metadata_template": json.dumps(template, ensure_ascii=False, allow_nan=False)}
    except (TypeError, ValueError, RecursionError) as e:
        raise InvalidCall(f"The metadata_template is not JSON: {e}.") from e
