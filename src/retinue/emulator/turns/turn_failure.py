"""Why an answer of a model did not come to its end, in the words of the API."""

from __future__ import annotations

from dataclasses import dataclass

from retinue.emulator.server.storage import JsonObject


@dataclass(frozen=True, slots=True)
class TurnFailure:
    message: str = "Sorry, something went wrong."
    code: str = "server_error"

    def shown(self) -> JsonObject:
        """As the ``last_error`` of a run and the ``error`` of a response."""
        return {"code": self.code, "message": self.message}
