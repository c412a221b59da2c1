"""The forms that an answer to a write can have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Json = dict[str, object]
SETTABLE = ("name", "region", "type", "labels", "metadata_template", "net_type")


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A row after and before a write, the fields that were sent, and another row of the account."""

    row: Json
    sent: Mapping[str, object]
    old: Json | None = None
    another: Callable[[], Json | None] = field(default=lambda: None)


ANSWERS: Mapping[str, Callable[[WriteResult], Json | None]] = {
    "row": lambda written: {"data": written.row},
    "as_sent": lambda written: {"data": written.row | {k: v for k, v in written.sent.items() if k in SETTABLE}},
    "old_row": lambda written: {"data": written.old},
    "another_row": lambda written: {"data": written.another() or written.row},
    "id_only": lambda written: {"data": {key: value for key, value in written.row.items() if key == "id"}},
    "null": lambda _: {"data": None},
    "empty": lambda _: None,
}
