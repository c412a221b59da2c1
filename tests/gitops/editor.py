"""An editor without a window: the language server that editors run for YAML, spoken to over its protocol."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = "yaml-language-server@1.25.0"


class Editor:
    """One running language server; documents are opened under made-up names."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.last = 0
        self.diagnostics: dict[str, list[Mapping[str, Any]]] = {}

    def problems(self, text: str, schema: Path) -> list[str]:
        """Return what the editor underlines."""
        uri = self._open(text, schema)
        while uri not in self.diagnostics:
            self._take(self._read())
        return [f"{one['range']['start']['line'] + 1}: {one['message']}" for one in self.diagnostics[uri]]

    def completions(self, text: str, schema: Path) -> list[str]:
        """Return what the editor offers at the `|` in the text."""
        before, _, after = text.partition("|")
        uri = self._open(before + after, schema)
        lines = f"# yaml-language-server: $schema={schema.as_uri()}\n{before}".split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1])}
        found = self._ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        return [one["label"] for one in (found["items"] if isinstance(found, dict) else found or ())]

    def _open(self, text: str, schema: Path) -> str:
        self.last += 1
        uri = f"file:///acrsync-{self.last}.yaml"
        whole = f"# yaml-language-server: $schema={schema.as_uri()}\n{text}"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": whole}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return uri

    def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self.last += 1
        number = self.last
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                return message.get("result")
            self._take(message)

    def _take(self, message: Mapping[str, Any]) -> None:
        """Take what the server says by itself."""
        match message:
            case {"method": "textDocument/publishDiagnostics", "params": {"uri": uri, "diagnostics": found}}:
                self.diagnostics[uri] = found
            case {"method": "workspace/configuration", "id": number, "params": {"items": items}}:
                settings = {"yaml": {"validate": True, "completion": True, "schemaStore": {"enable": False}}}
                self._send({"id": number, "result": [settings.get(item.get("section"), {}) for item in items]})
            case {"method": _, "id": number}:
                self._send({"id": number, "result": None})

    def _send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def _read(self) -> Mapping[str, Any]:
        assert self.process.stdout
        length = 0
        while (line := self.process.stdout.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server is gone"
        message: Mapping[str, Any] = json.loads(self.process.stdout.read(length))
        return message


@contextmanager
def editor(node: Path, modules: Path) -> Iterator[Editor]:
    """Run the language server as an editor does."""
    line = [node, modules / "yaml-language-server" / "bin" / "yaml-language-server", "--stdio"]
    with subprocess.Popen(
        list(map(str, line)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        one = Editor(process)
        capabilities = {"workspace": {"configuration": True}, "textDocument": {"publishDiagnostics": {}}}
        one._ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        one._send({"method": "initialized", "params": {}})
        try:
            yield one
        finally:
            process.kill()
