"""The work of a run: a worker takes the turn of the model, as often as the run is queued.

A run is begun once. One that is found in progress was begun by a process that is no more, and has failed: what the
model said then is lost, and asking again could say it twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

from retinue.emulator.language_models.language_model import ModelError
from retinue.emulator.server.api_errors import ApiError
from retinue.emulator.server.service import Call, Job, Sandbox, StoppedError, server_sent_event
from retinue.emulator.server.storage import Stored
from retinue.emulator.threads.run_prompt import RunPrompt, read_prompt
from retinue.emulator.threads.run_record import RunOverError, RunRecord, waiting_calls
from retinue.emulator.threads.run_states import end_run, find_run, finish_telling, move_run
from retinue.emulator.threads.thread_objects import steps_of
from retinue.emulator.turns.code_interpreter_tool import CodeInterpreter
from retinue.emulator.turns.file_search_tool import MOST_RESULTS, FileSearch, hybrid_weights
from retinue.emulator.turns.turn import OwnTool, take_turn
from retinue.emulator.turns.turn_events import TurnEnded
from retinue.emulator.turns.turn_failure import TurnFailure

RUNNING = "thread.run"
"""The kind of work."""

_logger = logging.getLogger(__name__)

_KILLED = "The local account ended while the run was in progress."
_CLOSED = "The local account was closed while the run was in progress."


def perform_run(job: Job) -> Callable[[Call], None]:
    """Take the turn. Everything is written as it happens, so nothing is left for the end of the job."""
    with job.transaction() as call:
        live, run_id = call.live, str(job.body["run"])
    with live.stoppable(run_id) as stop:
        job.check()
        if (begun := _begin(job)) is not None:
            record, run, asked = begun
            try:
                _take(job, record, run, asked, stop)
            except RunOverError:
                with job.transaction() as call:
                    _leave(call, job, record)
    return _nothing


def fail_run(call: Call) -> None:
    """What is written when the work could not be done."""
    run = find_run(call, call.body["thread"], call.body["run"])
    if run is not None and run.facet in ("queued", "in_progress", "cancelling"):
        end_run(call, run, "failed", error=TurnFailure().shown())


def _nothing(_call: Call) -> None:
    pass


def _begin(job: Job) -> tuple[RunRecord, Stored, RunPrompt] | None:
    """Bring a queued run into progress; None when there is nothing to do for it."""
    with job.transaction() as call:
        run = find_run(call, job.body["thread"], job.body["run"])
        if run is None:
            finish_telling(call, job.body["run"])
        elif run.facet == "in_progress":
            end_run(call, run, "failed", error=TurnFailure(_KILLED).shown())
        elif run.facet == "cancelling":
            end_run(call, run, "cancelled")
        elif run.facet == "queued":
            move_run(call, run, "in_progress", started_at=call.now)
            return RunRecord(job, call, run), run, read_prompt(call, run)
    return None


def _take(job: Job, record: RunRecord, run: Stored, asked: RunPrompt, stop: threading.Event) -> None:
    """Raises RunOverError when somebody ended the run meanwhile."""
    with job.transaction() as call:
        services = call.services
    outcome: TurnEnded | TurnFailure = TurnFailure()
    try:
        with ExitStack() as opened:
            events = take_turn(
                services.language_model,
                asked.prompt,
                stop,
                own_tools=_own_tools(job, run, asked, services.sandbox, opened),
                limits=asked.limits,
                sources=asked.sources,
                begun=asked.begun,
            )
            for event in opened.enter_context(closing(events)):
                record.write(event)
                if isinstance(event, TurnEnded):
                    outcome = event
    except ModelError as error:
        outcome = TurnFailure(str(error), error.code)
    except (RunOverError, StoppedError):
        raise
    except Exception:
        _logger.exception("run %s failed", run.id)
    with job.transaction() as call:
        _conclude(call, job, record, outcome)


def _conclude(call: Call, job: Job, record: RunRecord, outcome: TurnEnded | TurnFailure) -> None:
    run = find_run(call, job.body["thread"], job.body["run"])
    if run is None or run.facet != "in_progress" or outcome == TurnEnded("stopped"):
        _leave(call, job, record)
    elif isinstance(outcome, TurnFailure):
        record.keep_partial(call)
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


def _leave(call: Call, job: Job, record: RunRecord) -> None:
    """The run was to stop before its end: somebody ended it, or the account closes."""
    run = find_run(call, job.body["thread"], job.body["run"])
    if run is None:
        # In the shape of any refusal, which is what the SDK takes for one in a stream.
        gone = ApiError(404, f"No run found with id '{job.body['run']}'.").body()
        call.publish(job.body["run"], server_sent_event(gone, event="error"))
        finish_telling(call, job.body["run"])
        return
    record.keep_partial(call)
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
        found.append(FileSearch(asked.store_ids, job.transaction, most=most, threshold=threshold, weights=weights))
    return found
