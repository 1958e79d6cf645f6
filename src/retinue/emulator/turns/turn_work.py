"""The work of a turn, whichever API asked for it: begun once, written down as it happens, ended once.

What is found in progress was begun by a process that is no more, and has failed: what the model said then is lost, and
asking again could say it twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from typing import Protocol

from retinue.emulator.language_models.language_model import ModelError
from retinue.emulator.server.service import Call, Hosted, Job, StoppedError
from retinue.emulator.turns.turn_events import Event, TurnEnded
from retinue.emulator.turns.turn_failure import TurnFailure
from retinue.emulator.vector_stores.text_extraction import AbandonedError

ACTIVE = ("queued", "in_progress")
"""The states of what is answered, or is to be."""

_logger = logging.getLogger(__name__)


class TurnOverError(Exception):
    """What is answered is not in progress any more: somebody ended it, or removed it."""


class Answered(Protocol):
    """What is answered, and how it is kept: a run, or a response."""

    @property
    def id(self) -> str:
        """Of it, and so the channel of those who follow it, or stop it."""

    def begin(self, call: Call) -> bool:
        """Bring what is queued into progress, and end what a process that is no more left; whether there is a turn to
        take."""

    def take(self, services: Hosted, stop: threading.Event, opened: ExitStack) -> Generator[Event, None, None]:
        """The turn. What ``opened`` is given lasts as long as it."""

    def write(self, event: Event) -> None:
        """Raises TurnOverError, and StoppedError when the job is somebody else's by now."""

    def end(self, call: Call, outcome: TurnEnded | TurnFailure) -> None:
        """The turn is over; by now, what is answered may be in any state, or gone."""


def perform_turn(job: Job, answered: Answered) -> Callable[[Call], None]:
    """Take the turn. Everything is written as it happens, so nothing is left for the end of the job."""
    with job.transaction() as call:
        live, services = call.live, call.services
    with live.stoppable(answered.id) as stop:
        job.check()
        with job.transaction() as call:
            has_turn = answered.begin(call)
        if has_turn:
            outcome = _take(answered, services, stop)
            with job.transaction() as call:
                answered.end(call, outcome)
    return _nothing


def _take(answered: Answered, services: Hosted, stop: threading.Event) -> TurnEnded | TurnFailure:
    try:
        with ExitStack() as opened:
            for event in opened.enter_context(closing(answered.take(services, stop, opened))):
                answered.write(event)
                if isinstance(event, TurnEnded):
                    return event
    except ModelError as error:
        return TurnFailure(str(error), error.code)
    except (TurnOverError, AbandonedError):
        return TurnEnded("stopped")
    except StoppedError:
        raise
    except Exception:
        _logger.exception("%s failed", answered.id)
    return TurnFailure()


def _nothing(_call: Call) -> None:
    pass
