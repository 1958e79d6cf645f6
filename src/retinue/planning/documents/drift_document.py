"""Drift → JSON: the document that every form of `retinue drift` is rendered from, described by
`schemas/drift.schema.json`. Values are written as in a plan document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.model.declared import Diagnostic
from retinue.model.live import Live
from retinue.model.selector import ALL, Selection
from retinue.model.steps import Block, FieldChange, FileAction, FileChange, Step
from retinue.planning.documents.plan_document import (
    account_document,
    block_document,
    diagnostic_document,
    encode,
    environment_document,
    position_document,
    selection_document,
    sides_document,
)
from retinue.planning.drift_detection import Dangling, Drift, Missing

FORMAT_VERSION = "1.0"
_WHAT: dict[FileAction, str] = {"add": "detached", "replace": "replaced", "attributes": "attributes", "remove": "added"}


def drift_document(
    drift: Drift,
    *,
    warnings: tuple[Diagnostic, ...],
    blocks: tuple[Block, ...],
    unowned: bool,
    selection: Selection = ALL,
) -> dict[str, Any]:
    """The drift as plain JSON data. `unowned`: name the objects without an owner, too. `selection` is what it was
    narrowed to."""
    plan = drift.plan
    return {
        "format_version": FORMAT_VERSION,
        "drifted": drift.found,
        "stack": plan.stack,
        "environment": plan.environment,
        **environment_document(plan),
        **selection_document(selection),
        "account": account_document(plan.account),
        "summary": {
            "changed": len(drift.changed),
            "gone": len(drift.gone),
            "dangling": len({(each.address, each.id) for each in drift.dangling}),
            "unreadable": len(drift.unreadable),
            "in_sync": plan.in_sync,
            "pending": drift.pending,
            "unowned": dict(plan.unowned),
            "foreign": dict(plan.foreign),
        },
        "changed": [_changed(each) for each in drift.changed],
        "gone": [_gone(each) for each in drift.gone],
        "dangling": [_dangling(each) for each in drift.dangling],
        "unreadable": list(drift.unreadable),
        "owned": [str(each) for each in drift.owned],
        "unowned": [_unowned(each) for each in drift.unowned] if unowned else None,
        "warnings": [diagnostic_document(each) for each in warnings],
        "blocks": [block_document(each) for each in blocks],
    }


def _changed(step: Step) -> dict[str, Any]:
    return {
        "address": str(step.address),
        "id": step.id,
        "position": position_document(step.position),
        "changes": [_field(each) for each in step.changes],
        "files": [_file(each, step) for each in step.files],
    }


def _field(change: FieldChange) -> dict[str, Any]:
    """In the order of time: what was declared first, what stands there now second."""
    return sides_document(change, {"declared": change.after, "live": change.before})


def _file(change: FileChange, step: Step) -> dict[str, Any]:
    what = "chunking" if change.action == "replace" and change.reason else _WHAT[change.action]
    wanted = {"attributes": change.attributes, "chunking": change.chunking}
    # What differs besides the content stands in the object's specifications, under the file's path.
    held = (each.get(change.path) for each in (step.before or {}).values() if isinstance(each, Mapping))
    live = next((each for each in held if isinstance(each, Mapping)), {})
    return {
        "path": change.path,
        "what": what,
        "cause": change.cause,
        "position": position_document(change.position),
        "declared": encode(change.after),
        "live": encode(change.before),
        **({"details": {"declared": wanted[what], "live": live.get(what)}} if what in wanted else {}),
    }


def _gone(missing: Missing) -> dict[str, Any]:
    return {
        "address": str(missing.address),
        "id": missing.id,
        "reason": missing.reason,
        "position": position_document(missing.position),
    }


def _dangling(dangling: Dangling) -> dict[str, Any]:
    return {
        "address": str(dangling.address),
        "id": dangling.id,
        "path": list(dangling.path),
        "dead": dangling.dead,
        "rendered": dangling.home is not None,
        "position": position_document(dangling.position),
    }


def _unowned(live: Live) -> dict[str, Any]:
    name = live.title
    return {"kind": live.kind, "id": live.id, "name": name if isinstance(name, str) else None}
