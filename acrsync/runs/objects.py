"""The object of an account, and one object for each run that ended, in S3, Google Cloud Storage or Azure Blob Storage.

The object is `account.jsonl`: the data, then a line with a random number. Without that line, equal data would have
equal ETags in S3, and a swap with an old version could succeed.

Why the client's retries are off: if a client repeats a conditional PUT that has landed, the result is a conflict with
itself. obstore finds credentials in the environment and on the machine, like the tools of the provider.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from acrsync.diagnostics import AcrsyncError
from acrsync.extras import installing
from acrsync.runs.store import NO_RECORDS, Conflict, Stored, StoreError, Unanswered
from acrsync.visible import visible

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ClientConfig

_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_WHY = b"acrsync tested here whether this server supports conditional writes.\n"
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist", re.IGNORECASE)
_NOT_CONNECTED = re.compile(r"HTTP error|status code: (429|5)", re.IGNORECASE)
# Metadata services of cloud machines: obstore asks them if the environment has no credentials.
_NO_CREDENTIALS = re.compile(r"//169\.254\.|//metadata|/latest/", re.IGNORECASE)


class ObjectStore:
    """A folder in a bucket: the URL of the bucket, and the prefix of `account.jsonl` and `runs/`."""

    def __init__(self, url: str, key: str, *, timeout_s: float = 10) -> None:
        """Prepare; nothing is sent. Raises: AcrsyncError if obstore is not installed, StoreError."""
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            detail = f"{url} needs the package obstore."
            fix = f"install it: {installing('obstore')}"
            raise AcrsyncError("E083", detail, fix=fix) from error
        self._client, self.where = obstore, url
        options: ClientConfig = {
            "allow_http": True,  # only used if the environment sets an http address
            "connect_timeout": timedelta(seconds=timeout_s / 2),
            "timeout": timedelta(seconds=timeout_s),
        }
        with self._store_errors():
            self._bucket = from_url(f"{url}/{key}", client_options=options, retry_config={"max_retries": 0})

    def read(self) -> Stored | None:
        found = self._get("account.jsonl")
        if found is None:
            return None
        whole = re.fullmatch(rb'(.*)\n\{"swap": "[0-9a-f]{32}"\}\n', found.data, re.DOTALL)
        if whole is None:
            detail = f"{self.where}: account.jsonl does not end with the line that acrsync writes."
            fix = "restore an older version, or delete it if no run is unfinished."
            raise StoreError("E072", detail, fix=fix)
        return Stored(whole[1], found.version)

    def swap(self, data: bytes, *, expected: str | None, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> str:
        from obstore import exceptions

        del note  # a bucket has no history
        with self._store_errors():
            for run_id, lines in records.items():
                self._client.put(self._bucket, f"runs/{run_id}.jsonl", lines, use_multipart=False)
        mode: PutMode = "create"
        if expected is None:
            self._check_conditions()
        else:
            generation, _, e_tag = expected.partition(" ")
            mode = {"e_tag": e_tag, "version": generation} if generation else {"e_tag": e_tag}
        body = b'%b\n{"swap": "%b"}\n' % (data, secrets.token_hex(16).encode())
        try:
            put = self._client.put(self._bucket, "account.jsonl", body, mode=mode, use_multipart=False)
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
            raise Conflict("E073", f"{self.where}: another run was faster.") from error
        except (FileNotFoundError, exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise self._error(error) from error
        except exceptions.BaseError as error:
            detail = f"{self.where}: {_cause(error)}. acrsync does not know whether the object was changed."
            raise Unanswered("E074", detail) from error
        return _version(put["e_tag"], put["version"])

    def record_ids(self) -> tuple[str, ...]:
        with self._store_errors():
            listed = self._client.list(self._bucket, "runs").collect()
        found = (re.fullmatch(r"(?:.*/)?runs/([\w-]+)\.jsonl", row["path"], re.ASCII) for row in listed)
        return tuple(sorted(match[1] for match in found if match))

    def record(self, run_id: str) -> bytes | None:
        found = self._get(f"runs/{run_id}.jsonl") if re.fullmatch(r"[\w-]+", run_id) else None
        return found.data if found else None

    def _get(self, path: str) -> Stored | None:
        with self._store_errors():
            try:
                got = self._client.get(self._bucket, path)
                return Stored(bytes(got.bytes()), _version(got.meta["e_tag"], got.meta["version"]))
            except FileNotFoundError as error:
                if _NO_BUCKET.search(str(error)):
                    raise
                return None

    def _check_conditions(self) -> None:
        """Check that the server supports conditional writes: without them, as in some S3 clones, a lease is not safe.

        Sends three requests before the first swap of an account. Raises: StoreError.
        """
        from obstore import exceptions

        conditions: tuple[PutMode, ...] = ("overwrite", "create", {"e_tag": '"0"', "version": "1"})
        for number, mode in enumerate(conditions):
            with self._store_errors():
                try:
                    self._client.put(self._bucket, "conditions.txt", _WHY, mode=mode, use_multipart=False)
                except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                    continue
            if number:
                detail = f"{self.where}: this server ignores conditional writes, so two runs could hold one account."
                raise StoreError("E071", detail, fix="use another server, or git:origin.")

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (FileNotFoundError, BaseError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> StoreError:
        """Return the error for a request that was not carried out."""
        scheme, _, bucket = self.where.partition("://")
        code, fix = "E071", f"set {_CREDENTIALS[scheme]}; they must be allowed to read, write and list this bucket."
        if isinstance(error, FileNotFoundError) or _NO_BUCKET.search(str(error)):
            fix = f"create the bucket {bucket.partition('/')[0]}, or correct its name."
        elif _NOT_CONNECTED.search(str(error)) and not _NO_CREDENTIALS.search(str(error)):
            code, fix = "E070", "check the connection, and run again: nothing was changed."
        return StoreError(code, f"{self.where}: {_cause(error)}.", fix=fix)


def _version(e_tag: str | None, generation: str | None) -> str:
    """Return one text that identifies a version: an ETag, or a generation at Google."""
    return f"{generation or ''} {e_tag or ''}"


def _cause(error: Exception) -> str:
    """Return the line of an error that explains it, without signatures and keys that a server may include."""
    line = re.sub(r"\?\S+|: [<{].*", "", str(error).partition("\n")[0])
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    return visible(f"{line} ({code[1]})" if code else line)
