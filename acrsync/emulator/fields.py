"""The fields that a client can set: how each is read from a body, and Laravel's messages for invalid values.

Source: reference 1.3 and 1.5. If they say nothing, the switches of `profile` decide.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acrsync.emulator.profile import Profile
from acrsync.emulator.texts import stored

Labels = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Fields:
    """One body. Each method returns a value to store and adds to `errors` if the sent value is invalid."""

    body: Mapping[str, object]
    profile: Profile
    errors: dict[str, list[str]] = field(default_factory=dict)

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """Return one of the choices; the field is required."""
        given = self.body.get(key)
        if given is None or given == "":
            self.errors[key] = [f"The {key} field is required."]
        elif given not in choices:
            self.errors[key] = [f"The selected {key} is invalid."]
        return str(given)

    def name(self) -> str:
        """Return the name; the field is required. The rules for names are undocumented: row 13 of the unknowns."""
        given, longest = self.body.get("name"), self.profile.name_max_length
        if given is None or (isinstance(given, str) and not given.strip()):
            self.errors["name"] = ["The name field is required."]
            return ""
        if not isinstance(given, str):
            self.errors["name"] = ["The name must be a string."]
            return ""
        name = self.name_sent()
        if longest and len(name) > longest and self.profile.name_too_long == "refuse_422":
            self.errors["name"] = [f"The name may not be greater than {longest} characters."]
        if self.profile.name_characters == "ascii" and not name.isascii():
            self.errors["name"] = ["The name format is invalid."]
        name = stored(name, self.profile.name_stored)
        return name[:longest] if longest else name

    def name_sent(self) -> str:
        """Return the name as sent, trimmed if the profile says so."""
        given = self.body.get("name")
        text = given if isinstance(given, str) else ""
        return text.strip() if self.profile.name_spaces == "trimmed" else text

    def labels(self, old: Labels) -> Labels:
        """Return the labels, or the old ones if the body does not set them.

        They behave like a column of texts joined by commas: no labels read back as one empty text, and a label with a
        comma as two (reference 1.4). Source for text in a PUT: Console API, "Update Bucket"; GUESS: also in a POST.
        """
        given = self.body.get("labels")
        if "labels" not in self.body:
            return old
        if given is None or given in ("", [], [""]):
            return old if self.profile.labels_emptied == "ignored" else no_labels(self.profile.labels_emptied)
        if isinstance(given, str):
            return self._limited(given.split(",") if self.profile.labels_as_text == "split" else [given])
        if not isinstance(given, list) or not all(isinstance(label, str) for label in given):
            self.errors["labels"] = ["The labels must be an array of strings."]
            return old
        return self._limited(",".join(given).split(",") if self.profile.label_comma == "split" else given)

    def _limited(self, labels: Sequence[str]) -> Labels:
        """Return the stored labels; more or longer ones than allowed are cut or refused."""
        longest, most = self.profile.label_max_length, self.profile.labels_limit
        kept = [stored(label, self.profile.label_stored) for label in labels]
        cut = tuple(label[: longest or None] for label in kept[: most or None])
        if cut != tuple(kept) and self.profile.labels_over_limit == "refuse_422":
            self.errors["labels"] = ["The labels may not have more items or characters."]
        return cut

    def template(self) -> str | None:
        """Return the template: any text, verbatim (reference 3); row 12 of the unknowns."""
        given = self.body.get("metadata_template")
        if given is None or given == "":
            return "" if given == "" and self.profile.template_empty == "kept" else None
        if isinstance(given, dict) and self.profile.template_object == "encode":
            return json.dumps(given, separators=(",", ":"))
        if not isinstance(given, str):
            self.errors["metadata_template"] = ["The metadata template must be a string."]
            return None
        if self.profile.template_invalid == "refuse_422" and not _is_json(given):
            self.errors["metadata_template"] = ["The metadata template must be a valid JSON string."]
        return stored(given, self.profile.template_stored)

    def net_type(self) -> int:
        """Return 0, 1 or 2, sent as a number or as text."""
        given = self.body.get("net_type")
        if given is None or given == "":
            return self.profile.net_type_default
        if given in ("0", "1", "2") or (type(given) is int and given in (0, 1, 2)):
            return int(str(given))
        self.errors["net_type"] = ["The selected net type is invalid."]
        return 0


def no_labels(form: str) -> Labels:
    """Return the stored value for a bucket without labels: rows 9 and 11 of the unknowns."""
    return {"empty_text": ("",), "empty_list": ()}.get(form)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
