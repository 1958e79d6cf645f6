"""What is left of an approved plan that was cut off: each step was approved, and each other one has come about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from retinue.model.live import Live
from retinue.model.steps import REWRITTEN, FileChange, Plan, Step
from retinue.model.tag import SYNCING, Tag
from retinue.planning.documents.plan_digest import step_parts
from retinue.planning.documents.plan_document import encode


def is_remainder(fresh: Plan, approved: Plan, live: Iterable[Live]) -> bool:
    """Whether carrying `fresh` out brings about just what carrying `approved` out would have: every step of it was
    approved, as a whole or as what is left of one, and `live` shows the work of every approved step that it lacks."""
    if (fresh.stack, fresh.environment, fresh.targets) != (approved.stack, approved.environment, approved.targets):
        return False
    there, left = _There(live), set()
    candidates = _grouped(approved.steps, lambda each: each.address)
    for step in fresh.steps:
        its = there.with_id(step.id)
        of = next((each for each in candidates.get(step.address, ()) if _covers(each, step, its)), None)
        if of is None:
            return False
        left.add(of.key)
    updated = {each.id for each in approved.steps if each.action == "update"}
    return all(
        step.key in left or _is_done(step, there) or (step.id in updated and _is_passed(step, there))
        for step in approved.steps
    )


class _There:
    """What an account has, by what is asked for."""

    def __init__(self, live: Iterable[Live]) -> None:
        live = tuple(live)
        self._by_id = _grouped(live, lambda each: each.id)
        self._by_owner = _grouped(live, lambda each: (each.tag.stack, each.tag.address) if each.tag else None)

    def with_id(self, live_id: str | None) -> Sequence[Live]:
        return self._by_id.get(live_id or "", ())

    def of(self, tag: Tag) -> Sequence[Live]:
        """The objects with the stack and the address of a tag."""
        return self._by_owner.get((tag.stack, tag.address), ())


T = TypeVar("T")


def _grouped(those: Iterable[T], key: Callable[[T], Any]) -> dict[Any, list[T]]:
    groups: dict[Any, list[T]] = {}
    for each in those:
        groups.setdefault(key(each), []).append(each)
    return groups


def _covers(approved: Step, step: Step, live: Iterable[Live]) -> bool:
    """Whether a step does nothing that the approved one would not have done."""
    if step_parts(approved) == step_parts(step):
        return True
    if (approved.address, approved.home, approved.within or step.within) != (step.address, step.home, step.within):
        return False
    if step.causes - {"config", "unset"} or not _covers_files(approved.files, step.files):
        return False
    if not set(step.removes) <= set(approved.removes):
        return False
    if step.action == "delete":
        same = (approved.action, approved.id, approved.expects) == ("delete", step.id, step.expects)
        return same and set(approved.shared_files) <= set(step.shared_files)
    if step.action != "update" or approved.action not in ("create", "update"):
        return False
    if approved.id not in (None, step.id) or approved.tag != step.tag:
        return False
    whole, after = approved.after or {}, step.after or {}
    wanted = all(name in whole and encode(whole[name], name) == encode(value, name) for name, value in after.items())
    # A creation that was cut off goes on as an update of what it made.
    return (
        wanted
        and (_is_begun(approved, live) or step.expects.items() <= approved.expects.items())
        and set(step.unset) <= {*approved.unset, *whole}
        and set(step.forget_keys) <= set(approved.forget_keys)
    )


def _covers_files(approved: Sequence[FileChange], files: Sequence[FileChange]) -> bool:
    by_path = _grouped(approved, lambda one: one.path)
    return all(any(_covers_file(one, each) for one in by_path.get(each.path, ())) for each in files)


def _covers_file(approved: FileChange, file: FileChange) -> bool:
    """Bringing a file in goes on as waiting for it, or as taking out the one that it stands in for."""
    if file.path != approved.path or file.cause not in ("config", "unset"):
        return False
    if file.action != "wait" and not set(file.file_ids) <= set(approved.file_ids):
        return False
    if file.action in REWRITTEN and approved.live_id != file.live_id:
        return False  # a file that was brought in has its attributes from the first
    if any(file.expects.get(each) != approved.expects.get(each) for each in file.touched):
        return False
    return file.after is None or (file.after, file.attributes, file.chunking) == (
        approved.after,
        approved.attributes,
        approved.chunking,
    )


def _is_begun(step: Step, live: Iterable[Live]) -> bool:
    """Whether the object carries the tag that the step's apply gave it before it was cut off: what it holds besides is
    nobody else's."""
    tags = [each.tag for each in live if each.tag and SYNCING in each.tag.flags]
    return step.tag is not None and any(
        (tag.stack, tag.address) == (step.tag.stack, step.tag.address)
        and tag.fields.items() <= step.tag.fields.items()
        and tag.keys == step.tag.keys
        for tag in tags
    )


def _is_done(step: Step, there: _There) -> bool:
    """Whether the account shows what the step was to bring about."""
    if step.action == "delete":
        return all(each.home != step.home for each in there.with_id(step.id))
    if step.tag is None:
        return all(each.tag is None for each in there.with_id(step.id))
    return any(each.home == step.home and each.tag == step.tag for each in there.of(step.tag))


def _is_passed(step: Step, there: _There) -> bool:
    """Whether an object has its new address, where what is to change besides is another step, which says more."""
    if step.tag is None or step.action not in ("adopt", "move"):
        return False
    return any(each.id == step.id for each in there.of(step.tag))
