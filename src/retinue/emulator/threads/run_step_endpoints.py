"""Steps of a run: the messages it wrote and the tools it called, to look at."""

from __future__ import annotations

import json

from retinue.emulator.server.collection import page, retrieve
from retinue.emulator.server.quirks import ASSISTANTS as ASSISTANTS_BETA
from retinue.emulator.server.service import Answer, Call, Endpoint, Rendered
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.threads.run_endpoints import included
from retinue.emulator.threads.thread_objects import STEPS, require_run, steps_of, with_content


def _list(call: Call) -> Answer:
    asked, run = included(call), require_run(call)
    listed = page(call, STEPS.object, parent=run.id)
    if not asked:
        return listed
    body = json.loads(listed.content)
    steps = {each.id: each for each in steps_of(call, run.id)}
    body["data"] = [with_content(steps[each["id"]]) for each in body["data"]]
    return Rendered(json.dumps(body, ensure_ascii=False).encode())


def _retrieve(call: Call) -> JsonObject:
    asked = included(call)
    step = retrieve(call, STEPS, call.path["step_id"], parent=require_run(call).id)
    return with_content(step) if asked else step.body


_STEPS = "/threads/{id}/runs/{run_id}/steps"

ENDPOINTS = (
    Endpoint("GET", _STEPS, _list, beta=ASSISTANTS_BETA),
    Endpoint("GET", f"{_STEPS}/{{step_id}}", _retrieve, beta=ASSISTANTS_BETA),
)
