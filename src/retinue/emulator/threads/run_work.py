"""The work of a run: a worker takes the turn of the model, as often as the run is queued."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack

from retinue.emulator.server.api_errors import ApiError
from retinue.emulator.server.service import Call, Hosted, Job, Sandbox, server_sent_event
from retinue.emulator.server.storage import Stored
from retinue.emulator.threads.run_prompt import RunPrompt, read_prompt
from retinue.emulator.threads.run_record import RunRecord, waiting_calls
from retinue.emulator.threads.run_states import end_run, find_run, finish_telling, move_run
from retinue.emulator.threads.thread_objects import steps_of
from retinue.emulator.turns.code_interpreter_tool import CodeInterpreter
from retinue.emulator.turns.file_search_tool import MOST_RESULTS, FileSearch, hybrid_weights
from retinue.emulator.turns.turn import OwnTool, take_turn
from retinue.emulator.turns.turn_events import Event, TurnEnded
from retinue.emulator.turns.turn_failure import TurnFailure
from retinue.emulator.turns.turn_work import ACTIVE, perform_turn

RUNNING = "thread.run"
"""The kind of work."""

_KILLED = "The local account ended while the run was in progress."
_CLOSED = "The local account was closed while the run was in progress."


def perform_run(job: Job) -> Callable[[Call], None]:
    return perform_turn(job, _Run(job))


def fail_run(call: Call) -> None:
    """What is written when the work could not be done."""
    run = _find(call)
    if run is not None and run.facet in (*ACTIVE, "cancelling"):
        end_run(call, run, "failed", error=TurnFailure().shown())


def run_over(call: Call) -> str | None:
    """The channel of a run that somebody has ended, or asked to end."""
    run = _find(call)
    return None if run is not None and run.facet in (*ACTIVE, "requires_action") else str(call.body["run"])


def _find(call: Call) -> Stored | None:
    return find_run(call, call.body["thread"], call.body["run"])


class _Run:
    """A run that is answered."""

    def __init__(self, job: Job) -> None:
        self.id = str(job.body["run"])
        self._job = job
        self._run: Stored
        self._asked: RunPrompt
        self._record: RunRecord

    def begin(self, call: Call) -> bool:
        run = _find(call)
        if run is None:
            finish_telling(call, self.id)
        elif run.facet == "in_progress":
            end_run(call, run, "failed", error=TurnFailure(_KILLED).shown())
        elif run.facet == "cancelling":
            end_run(call, run, "cancelled")
        elif run.facet == "queued":
            move_run(call, run, "in_progress", started_at=call.now)
            self._record, self._run, self._asked = RunRecord(self._job, call, run), run, read_prompt(call, run)
            return True
        return False

    def take(self, services: Hosted, stop: threading.Event, opened: ExitStack) -> Generator[Event, None, None]:
        return take_turn(
            services.language_model,
            self._asked.prompt,
            stop,
            own_tools=_own_tools(self._job, self._run, self._asked, services.sandbox, opened),
            limits=self._asked.limits,
            sources=self._asked.sources,
            begun=self._asked.begun,
        )

    def write(self, event: Event) -> None:
        self._record.write(event)

    def end(self, call: Call, outcome: TurnEnded | TurnFailure) -> None:
        run = _find(call)
        if run is None or run.facet != "in_progress" or outcome == TurnEnded("stopped"):
            self._leave(call, run)
        elif isinstance(outcome, TurnFailure):
            self._record.keep_partial(call)
            end_run(call, run, "failed", error=outcome.shown())
        elif outcome.status == "requires_action":
            waiting = [each for step in steps_of(call, run.id) for each in waiting_calls(step)]
            action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": waiting}}
            move_run(call, run, "requires_action", required_action=action)
            finish_telling(call, run.id)
        elif outcome.reason == "content_filter":
            end_run(call, run, "failed", error=TurnFailure("The answer was stopped by a content filter.").shown())
        else:
            end_run(call, run, outcome.status, reason=outcome.reason)

    def _leave(self, call: Call, run: Stored | None) -> None:
        """It was to stop before its end: somebody ended it, or the account closes."""
        if run is None:
            # In the shape of any refusal, which is what the SDK takes for one in a stream.
            gone = ApiError(404, f"No run found with id '{self.id}'.").body()
            call.publish(self.id, server_sent_event(gone, event="error"))
            finish_telling(call, self.id)
            return
        self._record.keep_partial(call)
        if run.facet == "cancelling":
            end_run(call, run, "cancelled")
        elif run.facet == "in_progress":
            end_run(call, run, "failed", error=TurnFailure(_CLOSED).shown())


def _own_tools(job: Job, run: Stored, asked: RunPrompt, sandbox: Sandbox, opened: ExitStack) -> list[OwnTool]:
    found: list[OwnTool] = []
    declared = {tool["type"]: tool for tool in reversed(run.body["tools"])}  # one named twice is one
    if "code_interpreter" in declared:
        found.append(opened.enter_context(CodeInterpreter(sandbox, job.transaction, asked.file_ids)))
    if "file_search" in declared:
        options = declared["file_search"].get("file_search", {})
        ranking = options.get("ranking_options", {})
        most, threshold = options.get("max_num_results", MOST_RESULTS), ranking.get("score_threshold", 0.0)
        weights = hybrid_weights(ranking)
        limits = {"most": most, "threshold": threshold}
        found.append(FileSearch(asked.store_ids, job.transaction, job.reading, **limits, weights=weights))
    return found
