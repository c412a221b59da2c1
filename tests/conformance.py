"""What every test's run records, requests and answers are held to: the project's own schemas and API description.

The fixtures work for every test (`conftest.py` imports them). Requests are checked where they arrive, at an emulator in
this process, so whatever sent them is covered: those of acrsync in full, those of other clients only by their answers,
for tests send rubbish on purpose. While a fault plan is at work, answers are not the API's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.testing import MockRequest
from werkzeug.wrappers import Request, Response

from acrsync.emulator import web

ROOT = Path(__file__).parents[1]
RECORD = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}\.jsonl")


# Run records.


@cache
def _plan() -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "schemas" / "plan.v1.json").read_text()))


@cache
def _line() -> Draft202012Validator:
    """The schema of a line, closed: what it does not name must not be written either."""
    schema = json.loads((ROOT / "schemas" / "run.v1.json").read_text())
    for name in ("run", "intent", "outcome", "end", "closed", "bucket"):
        schema["$defs"][name]["additionalProperties"] = False
    return Draft202012Validator(schema)


def record_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a run record, each held to its schema; one that a crash cut short is left out."""
    lines = []
    for text in path.read_bytes().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        _line().validate(line)
        lines.append(line)
    for run in (line for line in lines if line["event"] == "run"):
        _plan().validate(run["plan"])
    return lines


@pytest.fixture(autouse=True)
def records_fit_their_schema(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold every run record below the test's folder to the schema; one under another name may be damaged on purpose."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for path in folder.rglob("*.jsonl") if folder is not None else ():
        if RECORD.fullmatch(path.name) and path.is_file():
            record_lines(path)


# Requests and answers.


@cache
def api() -> OpenAPI:
    return OpenAPI.from_file_path(str(ROOT / "docs" / "acrcloud-openapi.yaml"))


def complaint(request: Request, response: Response | None) -> str | None:
    """Return what is wrong with a request, or with an answer to it; None for what the description does not cover."""
    try:
        if response is None:
            api().validate_request(WerkzeugOpenAPIRequest(request))
        else:  # whatever was sent, and too large a body cannot even be read
            asked = MockRequest(request.host_url, request.method.lower(), request.path)
            api().validate_response(asked, WerkzeugOpenAPIResponse(response))
    except PathError as error:
        return f"{request.method} {request.path}: {error}" if response is None else None
    except OpenAPIError as error:
        reasons = [str(one) for one in getattr(error.__cause__, "schema_errors", ())] or [str(error.__cause__)]
        what = "the request" if response is None else f"the answer {response.status_code}"
        return f"{what} to {request.method} {request.path}: {error}: {'; '.join(reasons)}"
    return None


@pytest.fixture(scope="session")
def _complaints() -> Iterator[list[str]]:
    """Watch every emulator of this process."""
    found: list[str] = []
    handle = web.handle

    def watched(emulator: Any, request: Request) -> Response:
        answer = handle(emulator, request)
        ours = request.headers.get("User-Agent", "").startswith("acrsync/")
        found.extend(filter(None, [complaint(request, None) if ours else None]))
        if emulator.answers_as_described():
            found.extend(filter(None, [complaint(request, answer)]))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web, "handle", watched)
        yield found


@pytest.fixture(autouse=True)
def requests_and_answers_fit_the_description(_complaints: list[str]) -> Iterator[None]:
    """Fail the test during which acrsync sent, or the emulator answered, what the API's description does not have."""
    _complaints.clear()
    yield
    assert _complaints == []
