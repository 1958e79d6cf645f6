"""Server-sent events → the JSON values in them, as the servers of this field write them.

Stricter readers lose answers: comments and other fields are passed over, lines end in any of two ways, the last blank
line may be missing, and two events may have no blank line between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from retinue.emulator.model_endpoints.whole_characters import mend_all

LARGEST = 32 * 1024 * 1024
"""Bytes of one event: an answer as a whole fits in."""
_DONE = "[DONE]"


class StreamError(Exception):
    """What came is no stream of JSON. The message ends a sentence about who sent it."""


class EventReader:
    """Takes the bytes as they come. ``is_done`` once the sender has said that nothing follows."""

    def __init__(self) -> None:
        self.is_done = False
        self._line = b""
        self._data = ""

    def feed(self, received: bytes) -> Iterator[Any]:
        """The events that are complete by now. Raises StreamError."""
        *lines, self._line = (self._line + received).split(b"\n")
        if len(self._line) + len(self._data) > LARGEST:
            raise StreamError(f"sent more than {LARGEST // 2**20} MiB in one piece")
        for line in lines:
            yield from self._take(line)

    def end(self) -> Iterator[Any]:
        """What the last line holds, which nothing ended. Raises StreamError."""
        line, self._line = self._line, b""
        yield from self._take(line)
        yield from self._take(b"")

    def _take(self, line: bytes) -> Iterator[Any]:
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise StreamError("sent what is no text") from None
        if not text and self._data:
            raise StreamError("sent an event that is no JSON")
        name, _, value = text.partition(":")
        if name != "data" or self.is_done:
            return
        self._data = f"{self._data}\n{value}".strip()
        if self._data == _DONE:
            self.is_done, self._data = True, ""
        elif self._data:
            try:
                event = json.loads(self._data)
                event = mend_all(event) if "\\ud" in self._data.lower() else event
            except (json.JSONDecodeError, RecursionError):
                return  # a value on several lines goes on, and what is none is found at its end
            self._data = ""
            yield event
