"""(declared, live) → Plan: what to create, change and delete, in which order, and what forbids it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from retinue.core.changes import AccountInfo, FieldChange, FileChange, Plan, Step
from retinue.core.compare import Comparison, attach, compare
from retinue.core.draft import Draft
from retinue.core.guards import all_ours, file_witness, look_alikes, not_empty, plan_blocks, witness
from retinue.core.handover import hand_over
from retinue.core.kind import Kind, Kinds
from retinue.core.model import Address, Declared, Diagnostic, Handover, Live, Sealed
from retinue.core.names import (
    Named,
    file_ref,
    is_spent,
    live_spec,
    name_declared,
    name_live,
    recorded_ids,
)
from retinue.core.order import closure, ordered, references
from retinue.core.ownership import PROTECT, make_tag, on_delete
from retinue.core.renames import look_renamed
from retinue.core.tag_steps import claim, let_go, release


def make_plan(
    declared: Iterable[Declared],
    live: Iterable[Live],
    kinds: Kinds,
    *,
    stack: str,
    account: AccountInfo,
    targets: Sequence[Address] = (),
    environment: str | None = None,
    warnings: Sequence[Diagnostic] = (),
    handovers: Sequence[Handover] = (),
    destroy: bool = False,
) -> Plan:
    """Decide everything an apply would do to make the account match what is declared.

    The result depends on nothing else: no clock, no order of the inputs. With `targets`, only those addresses and what
    they depend on are planned, and nothing is deleted. With `destroy`, everything the stack owns is deleted instead,
    but for what `handovers` release.
    """
    live = tuple(live)
    wanted = {each.address: each for each in declared}
    handed = hand_over(live, [each for each in handovers if each.verb == "release" or not destroy], stack, wanted)
    named = name_live(handed.live, wanted, kinds, stack)
    wanted = {
        address: name_declared(each, kinds[address.kind].at(each.home), named) for address, each in wanted.items()
    }
    draft = Draft(named, {} if destroy else wanted, kinds, dict(wanted), handed, warnings=list(warnings))
    for address in sorted(draft.declared):
        _plan_declared(draft, wanted[address])
    for address in sorted(set(named.owned) - set(draft.declared)):
        if address in handed.released:
            draft.releases += [release(draft, each, address) for each in named.of(address)]
            continue
        _delete(draft, named.owned[address], address, None if address in wanted else "it is no longer declared")
    for address in sorted(set(named.extra) - set(handed.released)):
        for one in named.extra[address]:
            _delete_extra(draft, one, address)
    _repoint_dependents(draft)
    only = frozenset(closure(targets, draft.declared)) if targets else None
    steps = ordered(draft, only)
    return Plan(
        stack=stack,
        account=account,
        steps=tuple(steps),
        warnings=(
            *draft.warnings,
            *(() if destroy or targets else handed.notes),
            *look_alikes(steps, named.unowned, kinds),
            *look_renamed(steps, kinds),
        ),
        blocks=(
            *(each for each in handed.blocks if only is None or each.address in only),
            *plan_blocks(
                steps, named.unreadable, draft.written, kinds, released=handed.released.keys(), destroy=destroy
            ),
            *not_empty(steps, live, kinds),
        ),
        targets=tuple(sorted(targets)),
        in_sync=draft.in_sync,
        foreign=dict(sorted(named.foreign.items())),
        unowned=_counted(named.unowned),
        retired=dict(sorted(named.retired.items())),
        environment=environment,
        ids=_referred_ids(steps, named),
        retags=() if targets else tuple(draft.retags),
        owned=len(named.owned) + sum(len(several) for several in named.extra.values()),
        destroy=destroy,
    )


def _counted(live: Iterable[Live]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in live:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return dict(sorted(counts.items()))


# ── one object ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _plan_declared(draft: Draft, wanted: Declared) -> None:
    kind = draft.kinds[wanted.address.kind].at(wanted.home)
    live = draft.named.owned.get(wanted.address)
    if live is None:
        draft.upserts[wanted.address] = _create(draft, wanted, kind)
        return
    if live.home != wanted.home:
        _move(draft, wanted, live, kind)
        return
    spec = live_spec(live, kind, draft.named)
    missing = set(draft.declared) - set(draft.named.owned)
    found = compare(wanted, live, spec, kind, missing, former=draft.handed.former)
    if live.id in draft.handed.claims:
        draft.claims[wanted.address] = claim(draft, wanted, live, spec, in_sync=found.in_sync)
    if is_spent(live, kind):
        _replace(draft, wanted, live, kind, found, "the account let it expire")
    elif found.fixed:
        fields = " and ".join(f"'{name}'" for name in found.fixed)
        _replace(draft, wanted, live, kind, found, f"{fields} can only be set on creation")
    elif found.in_sync and wanted.address in draft.claims:
        pass  # its new tag is all that it lacks
    elif found.in_sync:
        draft.in_sync += 1
        tag = make_tag(draft.named.stack, wanted.address, wanted.spec, kind, wanted.lifecycle)
        if tag != live.tag and kind.api is not None:
            name = kind.api.marks.field
            # What is rendered is written as a whole, its tag included.
            after = wanted.spec if kind.bundle else {name: wanted.lifecycle.heeded(wanted.spec).get(name, {})}
            draft.retags.append(
                Step("update", wanted.address, live.id, after=after, tag=tag, home=live.home, within=live.within)
            )
    else:
        draft.upserts[wanted.address] = _update(draft, wanted, live, kind, spec, found)


def _create(draft: Draft, wanted: Declared, kind: Kind) -> Step:
    return Step(
        "create",
        wanted.address,
        after=wanted.spec,
        files=tuple(_added_files(wanted, kind)),
        tag=make_tag(draft.named.stack, wanted.address, wanted.spec, kind, wanted.lifecycle),
        reason=f"rendered for {kind.bundle.title}" if kind.bundle else None,
        position=wanted.position(),
        protected=wanted.lifecycle.protect,
        home=wanted.home,
    )


def _added_files(wanted: Declared, kind: Kind) -> Iterator[FileChange]:
    if kind.attachments:
        for path, entry in sorted(wanted.spec.get(kind.attachments.field, {}).items()):
            if "id" in entry:
                yield attach(path, wanted)
                continue
            yield FileChange(
                "add",
                path,
                after=file_ref(path, entry),
                attributes=entry["attributes"],
                chunking=entry["chunking"],
                position=wanted.position((kind.attachments.field, path)),
            )


def _update(draft: Draft, wanted: Declared, live: Live, kind: Kind, spec: Mapping[str, Any], found: Comparison) -> Step:
    return Step(
        "update",
        wanted.address,
        live.id,
        before=spec,
        after={
            **wanted.lifecycle.heeded(wanted.spec),
            **_kept(wanted, kind, spec),
            **{name: kind.field(name).default for name in found.unset},
        },
        changes=tuple(found.changes),
        files=tuple(found.files),
        expects=witness(live.raw, kind, [change.path for change in found.changes]),
        unset=tuple(found.unset),
        forget_keys=tuple(found.forget_keys),
        tag=make_tag(draft.named.stack, wanted.address, wanted.spec, kind, wanted.lifecycle),
        reason=_unfinished(kind) if found.unfinished else None,
        position=wanted.position(),
        protected=wanted.lifecycle.protect,
        home=live.home,
        within=live.within,
    )


def _kept(wanted: Declared, kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The live values of ignored fields, for a kind that puts bodies together from the whole; of one that the account
    does not tell, the declared one."""
    if kind.assemble is None:
        return {}
    live = {name: value for name, value in spec.items() if wanted.lifecycle.ignores(name)}
    hidden = {name: value for name, value in wanted.spec.items() if name in live and isinstance(value, Sealed)}
    return {**live, **hidden}


def _unfinished(kind: Kind) -> str:
    return "it was rendered by another version" if kind.bundle else "an earlier apply did not finish"


def _move(draft: Draft, wanted: Declared, live: Live, kind: Kind) -> None:
    """From one home to another: made there first, deleted here last, and never without a word."""
    here, there = draft.kinds[live.kind].at(live.home).home, kind.home
    made = _create(draft, wanted, kind)
    draft.upserts[wanted.address] = replace(made, reason=f"it moves from {here} to {there}")
    _delete(draft, live, wanted.address, f"it moves to {there}")


def _replace(draft: Draft, wanted: Declared, live: Live, kind: Kind, found: Comparison, reason: str) -> None:
    """An early create and a late delete that share the address; whoever points at the old one is updated in between."""
    made = replace(_create(draft, wanted, kind), replaces=True, reason=reason, changes=tuple(found.changes))
    draft.upserts[wanted.address] = made
    _delete(draft, live, wanted.address, "it is replaced", replaces=True)


def _delete(
    draft: Draft,
    live: Live,
    address: Address,
    reason: str | None,
    *,
    replaces: bool = False,
    keeper: Live | None = None,
) -> None:
    kind = draft.kinds[live.kind].at(live.home)
    if on_delete(live.tag) != "delete" and not is_spent(live, kind):
        draft.releases.append(let_go(draft, live, address, reason))
        return
    # An object that the account let expire has nothing left to protect.
    protected = live.tag is not None and PROTECT in live.tag.flags and not is_spent(live, kind)
    step = Step(
        "delete",
        address,
        live.id,
        before=live_spec(live, kind, draft.named),
        expects=witness(live.raw, kind, all_ours(live, kind)),
        files=tuple(
            FileChange("remove", each.path, file_ids=(each.id,), expects=file_witness([each]))
            for each in live.files
            if each.path
        ),
        reason=reason,
        replaces=replaces,
        protected=protected,
        shared_files=tuple(sorted(recorded_ids(live, kind) & recorded_ids(keeper, kind))) if keeper else (),
        home=live.home,
        within=live.within,
    )
    draft.deletes.append(step)


def _delete_extra(draft: Draft, live: Live, address: Address) -> None:
    keeper = draft.named.owned[address]
    reason = f"it has the same address as {keeper.id}, which is kept"
    if live.home != keeper.home:
        reason = f"it moves to {draft.kinds[keeper.kind].at(keeper.home).home}"
    _delete(draft, live, address, reason, keeper=keeper)


# ── what one object means for others ──────────────────────────────────────────────────────────────────────────────────


def _repoint_dependents(draft: Draft) -> None:
    """Objects that point at a replaced one hold its old id, which reads the same under names but must be written."""
    replaced = {address: step for address, step in draft.upserts.items() if step.replaces}
    if not replaced:
        return
    for address, wanted in sorted(draft.declared.items()):
        live = draft.named.owned.get(address)
        step = draft.upserts.get(address)
        changes = tuple(_repointed(draft, wanted, replaced))
        if live is None or (step is not None and step.action == "create") or not changes:
            continue
        kind = draft.kinds[address.kind].at(wanted.home)
        if step is None:
            draft.in_sync -= address not in draft.claims
            step = _update(draft, wanted, live, kind, live_spec(live, kind, draft.named), Comparison())
        known = {change.path for change in step.changes}
        added = tuple(change for change in changes if change.path not in known)
        expects = {**step.expects, **witness(live.raw, kind, [change.path for change in added])}
        draft.upserts[address] = replace(step, changes=(*step.changes, *added), expects=expects)


def _repointed(draft: Draft, wanted: Declared, replaced: Mapping[Address, Step]) -> Iterator[FieldChange]:
    kind = draft.kinds[wanted.address.kind].at(wanted.home)
    for each in kind.fields:
        if each.refs and each.name in wanted.spec and not wanted.lifecycle.ignores(each.name):
            for path, reference in references(wanted.spec[each.name], (each.name,)):
                if reference.address in replaced:
                    old = draft.named.owned[reference.address].id
                    yield FieldChange(path, old, reference, "config", wanted.position(path))


def _referred_ids(steps: Iterable[Step], named: Named) -> dict[Address, str]:
    """The live ids that the steps need for what they refer to; what is created on the way is not among them yet."""
    made = {step.address for step in steps if step.action == "create"}
    wanted = {reference.address for step in steps for _, reference in references(step.after)}
    return {address: named.owned[address].id for address in sorted(wanted - made) if address in named.owned}
