"""Plan ⇄ JSON: the document that the reports render, `plan --json` prints, and other programs may rely on.

The format is versioned and described by `schemas/plan.schema.json`. A reference is `{"retinue.ref": "kind.name"}`, a
file `{"retinue.file": path, "sha256": …, "size": …}`, an id that points at nothing `{"retinue.gone": id}`,
what is never shown `{"retinue.sealed": true}`, a long text that stands elsewhere in its step `{"retinue.text": where}`;
a side of a change that does not exist is left out, which is not the same as null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Any, get_args

from retinue.model.declared import HOW_CHOSEN, Diagnostic, Position
from retinue.model.printable import masked_data
from retinue.model.selector import Selection, Selector
from retinue.model.steps import (
    AccountInfo,
    Action,
    Block,
    FieldChange,
    FileChange,
    Plan,
    Prices,
    Removal,
    Step,
    StorageChange,
    StoreChange,
)
from retinue.model.tag import read_tag, write_tag
from retinue.model.values import ABSENT, Address, FileRef, Gone, Ref, Sealed
from retinue.planning.documents.document_types import (
    AccountDocument,
    BlockDocument,
    DiagnosticDocument,
    PositionDocument,
    StorageDocument,
)
from retinue.planning.documents.plan_digest import plan_digest

FORMAT_VERSION = "1.1"
LONG = 1000
"""Characters from which on a text stands once in a step that changes an object: a prompt would stand there four times,
before and after, in the specification and in its change."""


class PlanFormatError(ValueError):
    """A document is not a plan that this version can read."""


def to_document(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON data."""
    return {
        "format_version": FORMAT_VERSION,
        "digest": plan_digest(plan),
        "stack": plan.stack,
        "environment": plan.environment,
        **environment_document(plan),
        "account": account_document(plan.account),
        "complete": not plan.targets,
        "targets": [str(each) for each in plan.targets],
        **(selection_document(plan.selection) if not plan.selection.plain else {}),
        "destroy": plan.destroy,
        "summary": summarise(plan),
        "steps": [step_document(each) for each in plan.steps],
        "warnings": [diagnostic_document(each) for each in plan.warnings],
        "blocks": [block_document(each) for each in plan.blocks],
        "ids": {str(address): live_id for address, live_id in plan.ids.items()},
        "retags": [step_document(each) for each in plan.retags],
        **({"removes": [_removal(each) for each in plan.removes]} if plan.removes else {}),
        **({"storage": storage_document(plan.storage)} if plan.storage else {}),
    }


def environment_document(plan: Plan) -> dict[str, Any]:
    """Who chose the environment, where that was not said on the command line."""
    return {"environment_from": plan.chosen_by} if plan.chosen_by in HOW_CHOSEN else {}


def selection_document(selection: Selection) -> dict[str, Any]:
    """What a selection says, where it says anything."""
    if not selection:
        return {}
    sides = {"target": selection.target, "exclude": selection.exclude}
    return {"selection": {side: [str(each) for each in several] for side, several in sides.items()}}


def storage_document(storage: StorageChange) -> StorageDocument:
    """What storage changes by. Money is a text of decimal digits: a JSON number would not be exact everywhere."""
    return {
        "bytes": storage.bytes,
        "per_day": _decimal(storage.per_day),
        "currency": storage.prices.currency,
        "gb_day": _decimal(storage.prices.vector_store_gb_day),
        "unknown": sum(each.unknown for each in storage.stores),
        "stores": [
            {
                "address": str(each.address),
                "bytes": each.bytes,
                "added": each.added,
                "removed": each.removed,
                "basis": each.basis,
                "unknown": each.unknown,
            }
            for each in storage.stores
        ],
    }


def _decimal(number: Decimal) -> str:
    """A number without an exponent and without zeros at its end."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def summarise(plan: Plan) -> dict[str, Any]:
    """The counts of a plan. A replacement is one creation and one deletion; `removed` is lost by objects that stay."""
    counted = {action: sum(1 for step in plan.steps if step.action == action) for action in get_args(Action)}
    removed = Counter(each.what for _, each in plan.losses)
    return {
        **{action: number for action, number in counted.items() if number or action in ("create", "update", "delete")},
        **({"removed": dict(sorted(removed.items()))} if removed else {}),
        "reverts": len(plan.reverts),
        "in_sync": plan.in_sync,
        "foreign": dict(plan.foreign),
        "unowned": dict(plan.unowned),
        **({"retired": dict(plan.retired)} if plan.retired else {}),
    }


def account_document(account: AccountInfo) -> AccountDocument:
    return {"name": account.name, "url": account.url, "organization": account.organization, "project": account.project}


def step_document(step: Step) -> dict[str, Any]:
    """A step as plain JSON data."""
    changes = [change_document(each) for each in step.changes]
    before, after = encode(step.before), encode(step.after)
    if step.action == "update":
        after = _pointed(after, _changed_texts(changes, "after"))
        before = _pointed(before, {**_texts(after, ("after",)), **_changed_texts(changes, "before")})
    return {
        "key": step.key,
        "action": step.action,
        "address": str(step.address),
        "id": step.id,
        "reason": step.reason,
        "replaces": step.replaces,
        "protected": step.protected,
        "position": position_document(step.position),
        "changes": changes,
        "files": [_file_change(each) for each in step.files],
        "before": before,
        "after": after,
        "expects": dict(step.expects),
        "unset": list(step.unset),
        "forget_keys": [list(each) for each in step.forget_keys],
        "tag": write_tag(step.tag) if step.tag else None,
        "needs": list(step.needs),
        "shared_files": list(step.shared_files),
        **({"home": step.home} if step.home else {}),
        **({"held": write_tag(step.held)} if step.held else {}),
        **({"within": step.within} if step.within else {}),
        **({"removes": [_removal(each) for each in step.removes]} if step.removes else {}),
    }


Texts = dict[tuple[str, ...], tuple[str, list[Any]]]
"""Long texts by where they stand in a specification, each with where it is to be found in the step."""


def _changed_texts(changes: Sequence[Mapping[str, Any]], side: str) -> Texts:
    """The long texts of one side of what changes."""
    return {
        tuple(map(str, each["path"])): (each[side], ["changes", at, side])
        for at, each in enumerate(changes)
        if _is_long(each.get(side))
    }


def _texts(value: Any, where: tuple[str, ...]) -> Texts:
    """The long texts in a specification that stands at `where`."""
    if _is_long(value):
        return {where[1:]: (value, list(where))}
    if not isinstance(value, Mapping):
        return {}
    return {path: text for key, each in value.items() for path, text in _texts(each, (*where, key)).items()}


def _pointed(value: Any, texts: Texts, path: tuple[str, ...] = ()) -> Any:
    """A value without the texts that are said elsewhere."""
    if not texts:
        return value
    if isinstance(value, Mapping):
        return {key: _pointed(each, texts, (*path, key)) for key, each in value.items()}
    text, where = texts.get(path, (None, []))
    return {"retinue.text": where} if text is not None and text == value else value


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= LONG


def _removal(each: Removal) -> dict[str, Any]:
    return {"what": each.what, "name": each.name, "id": each.id}


def change_document(change: FieldChange) -> dict[str, Any]:
    """A difference inside an object as plain JSON data."""
    return sides_document(change, {"before": change.before, "after": change.after})


def sides_document(change: FieldChange, sides: Mapping[str, Any]) -> dict[str, Any]:
    """Where a difference is and both its sides, under their names and in their order."""
    document: dict[str, Any] = {
        "path": list(change.path),
        "cause": change.cause,
        "position": position_document(change.position),
    }
    for side, value in sides.items():
        if value is not ABSENT:
            document[side] = encode(value, str(change.path[-1]))
    return document


def _file_change(change: FileChange) -> dict[str, Any]:
    return {
        "action": change.action,
        "path": change.path,
        "before": encode(change.before),
        "after": encode(change.after),
        "file_ids": list(change.file_ids),
        "live_id": change.live_id,
        "attributes": dict(change.attributes),
        "chunking": dict(change.chunking) if change.chunking is not None else None,
        "reason": change.reason,
        "cause": change.cause,
        "position": position_document(change.position),
        **({"expects": dict(change.expects)} if change.expects else {}),
    }


def diagnostic_document(each: Diagnostic) -> DiagnosticDocument:
    """A diagnostic as plain JSON data; `validate --json` prints these too."""
    return {
        "severity": each.severity,
        "code": each.code,
        "message": each.message,
        "position": position_document(each.position),
        "hint": each.hint,
        "related": [{"message": text, "position": position_document(position)} for text, position in each.related],
        "details": dict(each.details),
    }


def block_document(block: Block) -> BlockDocument:
    return {
        "code": block.code,
        "message": block.message,
        "address": str(block.address) if block.address else None,
        "override": block.override,
    }


def position_document(position: Position | None) -> PositionDocument | None:
    return {"file": position.file, "line": position.line, "column": position.column} if position else None


_WORDS = frozenset(("retinue.ref", "retinue.file", "retinue.gone", "retinue.sealed", "retinue.text", "retinue.map"))
"""Keys that say that a map stands for something else. One that has such a key itself stands below `retinue.map`."""


def encode(value: Any, name: str = "") -> Any:
    """A canonical value as JSON data that `decode` turns back, but for what looks like a key: that is told from another
    one, and not said. `name` is what the value is called."""
    match value:
        case Ref():
            return {"retinue.ref": str(value.address)}
        case FileRef():
            return {"retinue.file": value.path, "sha256": value.sha256, "size": value.size}
        case Gone():
            return {"retinue.gone": value.id}
        case Sealed():
            return {"retinue.sealed": True}
        case Mapping():
            encoded = {str(key): encode(each, str(key)) for key, each in value.items()}
            return {"retinue.map": encoded} if _WORDS & encoded.keys() else encoded
        case list() | tuple():
            return [encode(each) for each in value]
    return masked_data(value, name)


def decode(value: Any, step: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The inverse of `encode`. `step` is where the value stands."""
    if isinstance(value, list):
        return [decode(each, step) for each in value]
    if not isinstance(value, Mapping):
        return value
    if "retinue.map" in value:
        return {key: decode(each, step) for key, each in value["retinue.map"].items()}
    if "retinue.text" in value:
        return _text_at(step, value["retinue.text"])
    if "retinue.ref" in value:
        return Ref(Address.parse(value["retinue.ref"]))
    if "retinue.file" in value:
        return FileRef(value["retinue.file"], _typed(value["sha256"], str), _typed(value["size"], int))
    if "retinue.gone" in value:
        return Gone(value["retinue.gone"])
    if "retinue.sealed" in value:
        return Sealed()
    return {key: decode(each, step) for key, each in value.items()}


def _text_at(step: Mapping[str, Any], where: Sequence[Any]) -> str:
    found: Any = step
    for each in where:
        found = found[each]
    text: str = _typed(found, str)
    return text


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def from_document(document: Mapping[str, Any]) -> Plan:
    """The plan a document describes. Raises PlanFormatError for another major version or a document that is no plan."""
    version = document.get("format_version")
    if not isinstance(version, str) or version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise PlanFormatError(f"its format is {version!r}, and this version of retinue reads format {FORMAT_VERSION}")
    try:
        return Plan(
            stack=document["stack"],
            account=AccountInfo(**document["account"]),
            steps=tuple(_read_step(each) for each in document["steps"]),
            warnings=tuple(_read_diagnostic(each) for each in document["warnings"]),
            blocks=tuple(_read_block(each) for each in document["blocks"]),
            targets=tuple(Address.parse(each) for each in document["targets"]),
            in_sync=document["summary"]["in_sync"],
            foreign=_typed(document["summary"]["foreign"], Mapping),
            unowned=_typed(document["summary"]["unowned"], Mapping),
            environment=_typed(document["environment"], str, NoneType),
            ids={Address.parse(address): live_id for address, live_id in document["ids"].items()},
            retags=tuple(_read_step(each) for each in document["retags"]),
            destroy=document["destroy"],
            retired=document["summary"].get("retired", {}),
            removes=_read_removals(document),
            storage=_read_storage(document["storage"]) if "storage" in document else None,
            chosen_by=document.get("environment_from"),
            selection=_read_selection(document.get("selection", {})),
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        missing = f": {error} is missing" if isinstance(error, KeyError) else ""
        raise PlanFormatError(f"it is not a complete plan{missing}") from error


def _read_selection(document: Mapping[str, Any]) -> Selection:
    sides = (document.get(side, ()) for side in ("target", "exclude"))
    return Selection(*(tuple(map(Selector.parse, several)) for several in sides))


def _typed(value: Any, *types: type) -> Any:
    """The value, when it is one of what is written there."""
    if not isinstance(value, types):
        raise TypeError(f"{value!r:.40} is not of the type that belongs there")
    return value


def _read_step(each: Mapping[str, Any]) -> Step:
    return Step(
        action=each["action"],
        address=Address.parse(each["address"]),
        id=each["id"],
        before=_typed(decode(each["before"], each), Mapping, NoneType),
        after=_typed(decode(each["after"], each), Mapping, NoneType),
        changes=tuple(_read_field_change(change) for change in each["changes"]),
        files=tuple(_read_file_change(change) for change in each["files"]),
        expects=each["expects"],
        unset=tuple(each["unset"]),
        forget_keys=tuple((name, key) for name, key in each["forget_keys"]),
        tag=read_tag(each["tag"]) if each["tag"] else None,
        reason=each["reason"],
        position=_read_position(each["position"]),
        needs=tuple(each["needs"]),
        shared_files=tuple(each["shared_files"]),
        replaces=each["replaces"],
        protected=each["protected"],
        home=each.get("home"),
        held=read_tag(each["held"]) if each.get("held") else None,
        within=each.get("within"),
        removes=_read_removals(each),
    )


def _read_removals(each: Mapping[str, Any]) -> tuple[Removal, ...]:
    return tuple(Removal(one["what"], one["name"], one["id"]) for one in each.get("removes", ()))


def _read_storage(each: Mapping[str, Any]) -> StorageChange:
    stores = (
        StoreChange(Address.parse(one["address"]), one["added"], one["removed"], one["basis"], one["unknown"])
        for one in each["stores"]
    )
    return StorageChange(Prices(Decimal(_typed(each["gb_day"], str)), each["currency"]), tuple(stores))


def _read_field_change(each: Mapping[str, Any]) -> FieldChange:
    return FieldChange(
        path=tuple(each["path"]),
        before=decode(each["before"]) if "before" in each else ABSENT,
        after=decode(each["after"]) if "after" in each else ABSENT,
        cause=_typed(each["cause"], str),
        position=_read_position(each["position"]),
    )


def _read_file_change(each: Mapping[str, Any]) -> FileChange:
    return FileChange(
        action=each["action"],
        path=each["path"],
        before=_typed(decode(each["before"]), FileRef, NoneType),
        after=_typed(decode(each["after"]), FileRef, NoneType),
        file_ids=tuple(each["file_ids"]),
        live_id=each["live_id"],
        attributes=each["attributes"],
        chunking=each["chunking"],
        reason=each["reason"],
        cause=_typed(each["cause"], str),
        position=_read_position(each["position"]),
        expects=each.get("expects", {}),
    )


def _read_diagnostic(each: Mapping[str, Any]) -> Diagnostic:
    related = tuple((one["message"], _read_position(one["position"]) or Position("", 0)) for one in each["related"])
    position = _read_position(each["position"])
    return Diagnostic(
        each["severity"],
        each["code"],
        each["message"],
        position,
        each["hint"],
        related=related,
        details=each.get("details", {}),
    )


def _read_block(each: Mapping[str, Any]) -> Block:
    address = Address.parse(each["address"]) if each["address"] else None
    return Block(each["code"], each["message"], address, each["override"])


def _read_position(each: Mapping[str, Any] | None) -> Position | None:
    return Position(each["file"], each["line"], each["column"]) if each else None
