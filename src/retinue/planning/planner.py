"""(declared, live) → Plan: what to create, change and delete, in which order, and what forbids it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from retinue.content.manifest import Summary
from retinue.kinds.fields import Comparison, UploadsField
from retinue.kinds.kind import Kind, Kinds
from retinue.model.canonical import same
from retinue.model.declared import ChosenBy, Declared, Diagnostic, Handover
from retinue.model.live import Live
from retinue.model.steps import AccountInfo, FieldChange, GivenId, Plan, Removal, Step
from retinue.model.tag import PROTECT, RETIRED, Tag, on_delete, remembering
from retinue.model.values import Address, Path, Ref, Sealed
from retinue.planning.matching import Named, name_declared, name_live
from retinue.planning.moves import Handed, hand_over
from retinue.planning.object_diff import compare
from retinue.planning.plan_blocks import look_alikes, not_empty, plan_blocks, still_used, unreadable_warnings
from retinue.planning.policy import Limits, limit_warnings
from retinue.planning.renames import look_renamed


def make_plan(
    declared: Iterable[Declared],
    live: Iterable[Live],
    kinds: Kinds,
    *,
    stack: str,
    account: AccountInfo,
    targets: Sequence[Address] = (),
    environment: str | None = None,
    chosen_by: ChosenBy | None = None,
    warnings: Sequence[Diagnostic] = (),
    handovers: Sequence[Handover] = (),
    destroy: bool = False,
    limits: Limits | None = None,
) -> Plan:
    """Decide everything an apply would do to make the account match what is declared.

    The result depends on nothing else: no clock, no order of the inputs. With `targets`, only those addresses and what
    they depend on are planned, and nothing is deleted. With `destroy`, everything the stack owns is deleted instead, or
    only the targets, but for what `handovers` release. Beyond `limits` an apply would stop that nobody looks at: a
    warning says so.
    """
    live = tuple(live)
    wanted = {each.address: each for each in declared}
    said = [each for each in handovers if each.verb == "release" or not destroy]
    handed = hand_over(live, said, stack, wanted) if said else Handed(list(live))
    named = name_live(handed.live, wanted, kinds, stack)
    wanted = {
        address: name_declared(each, kinds[address.kind].at(each.home), named) for address, each in wanted.items()
    }
    draft = Draft(named, {} if destroy else wanted, kinds, dict(wanted), handed, warnings=list(warnings))
    draft.missing = frozenset(draft.declared.keys() - named.owned.keys())
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
    only = frozenset(closure(targets, draft.declared, kinds)) if targets else None
    steps = ordered(draft, only, destroy=destroy)
    made = Plan(
        stack=stack,
        account=account,
        steps=tuple(steps),
        warnings=(
            *draft.warnings,
            *(() if destroy or targets else handed.notes),
            *unreadable_warnings(steps, named.unreadable, stack, destroy=destroy),
            *look_alikes(steps, named.unowned, kinds),
            *(look_renamed(steps, kinds) if draft.deletes else ()),
        ),
        blocks=(
            *(each for each in handed.blocks if only is None or each.address in only),
            *plan_blocks(
                steps,
                named.unreadable,
                draft.written,
                kinds,
                stack=stack,
                released=handed.released.keys(),
                destroy=destroy,
            ),
            *(still_used(steps, named.all_owned, named.addresses) if destroy and targets else ()),
            *not_empty(steps, named.others(live) if destroy and targets else live, kinds),
        ),
        targets=tuple(sorted(targets)),
        in_sync=draft.in_sync,
        foreign=dict(sorted(named.foreign.items())),
        unowned=_counted(named.unowned),
        retired=dict(sorted(named.retired.items())),
        environment=environment,
        chosen_by=chosen_by,
        ids=_referred_ids(steps, named, kinds),
        retags=() if targets else tuple(draft.retags),
        owned=len(named.all_owned),
        destroy=destroy,
        parts=sum(len(_parts(each)) + (each.unread or 0) for each in named.all_owned),
        given=tuple(_given_ids(steps, kinds)),
    )
    return replace(made, warnings=(*made.warnings, *limit_warnings(made, limits))) if limits else made


def summaries(
    declared: Iterable[Declared], kinds: Kinds, *, without: Collection[Address] = ()
) -> dict[Address, Summary]:
    """The files that objects are declared to hold, in short, but for some."""
    found = ((each.address, kinds[each.address.kind].at(each.home).summary(each)) for each in declared)
    return {address: summary for address, summary in found if summary and address not in without}


def _given_ids(steps: Iterable[Step], kinds: Kinds) -> Iterator[GivenId]:
    """The live ids that the steps write as they were declared."""
    for step in steps:
        for kind, live_id in kinds[step.address.kind].at(step.home).given_ids(step):
            yield GivenId(step.address, step.place, kind, live_id)


def _parts(live: Live) -> set[str]:
    """The ids of the files that are ours with an object."""
    return {each.id for each in live.files if each.path} | live.made_files


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
    found = compare(wanted, live, kind, draft.missing, former=draft.handed.former)
    if live.id in draft.handed.claims:
        draft.claims[wanted.address] = claim(draft, wanted, live, in_sync=found.in_sync)
    if live.spent:
        _replace(draft, wanted, live, kind, found, "the account let it expire")
    elif found.fixed:
        fields = " and ".join(f"'{name}'" for name in found.fixed)
        _replace(draft, wanted, live, kind, found, f"{fields} can only be set on creation")
    elif found.in_sync and wanted.address in draft.claims:
        pass  # its new tag is all that it lacks
    elif found.in_sync:
        draft.in_sync += 1
        tag = _tag(draft, wanted, kind, live)
        if tag != live.tag:
            after = kind.store.retag_after(wanted.spec, wanted.lifecycle.heeded(wanted.spec))
            draft.retags.append(
                Step("update", wanted.address, live.id, after=after, tag=tag, home=live.home, within=live.within)
            )
    else:
        draft.upserts[wanted.address] = _update(draft, wanted, live, kind, found)


def _create(draft: Draft, wanted: Declared, kind: Kind) -> Step:
    return Step(
        "create",
        wanted.address,
        after=wanted.spec,
        files=kind.added_files(wanted),
        tag=_tag(draft, wanted, kind),
        reason=kind.store.reason,
        position=wanted.position(),
        protected=wanted.lifecycle.protect,
        home=wanted.home,
    )


def _tag(draft: Draft, wanted: Declared, kind: Kind, live: Live | None = None) -> Tag:
    """The tag that says that all of it was applied."""
    heeded = wanted.lifecycle.heeded(wanted.spec)
    tag = kind.make_tag(draft.named.stack, wanted.address, heeded, wanted.lifecycle)
    return remembering(tag, live.tag, [each.name for each in kind.fields if each.content]) if live else tag


def _update(draft: Draft, wanted: Declared, live: Live, kind: Kind, found: Comparison) -> Step:
    return Step(
        "update",
        wanted.address,
        live.id,
        before=live.spec,
        after={
            **wanted.lifecycle.heeded(wanted.spec),
            **_kept(wanted, kind, live.spec),
            **{name: kind.field(name).default for name in found.unset},
        },
        changes=tuple(found.changes),
        files=tuple(found.files),
        expects=kind.witness(live, [change.path for change in found.changes]),
        unset=tuple(found.unset),
        forget_keys=tuple(found.forget_keys),
        tag=_tag(draft, wanted, kind, live),
        reason=kind.store.unfinished if found.unfinished else None,
        position=wanted.position(),
        protected=wanted.lifecycle.protect,
        home=live.home,
        within=live.within,
        removes=tuple(_dropped(wanted, live, kind)),
    )


def _dropped(wanted: Declared, live: Live, kind: Kind) -> Iterator[Removal]:
    """The files that the object carries by their ids and is not to carry any more; whoever replaces them is no loss."""
    for each in kind.uploads:
        owned = each.name in wanted.spec or (live.tag is not None and each.name in live.tag.fields)
        if owned and not wanted.lifecycle.ignores(each.name):
            yield from _carried(each, live, without=wanted.spec.get(each.name, {}))


def _carried(field: UploadsField, live: Live, *, without: Collection[str] = ()) -> Iterator[Removal]:
    for path, (file_id, _) in sorted(field.carried(live).items()):
        if path not in without:
            yield Removal("file", path, file_id)


def _kept(wanted: Declared, kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The live values of ignored fields, for a kind that puts bodies together from the whole; of one that the account
    does not tell, the declared one."""
    if kind.assemble is None:
        return {}
    live = {name: value for name, value in spec.items() if wanted.lifecycle.ignores(name)}
    hidden = {name: value for name, value in wanted.spec.items() if name in live and isinstance(value, Sealed)}
    return {**live, **hidden}


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
    if on_delete(live.tag) != "delete" and not live.spent:
        draft.releases.append(let_go(draft, live, address, reason))
        return
    # An object that the account let expire has nothing left to protect.
    protected = live.tag is not None and PROTECT in live.tag.flags and not live.spent
    shared = live.made_files & keeper.made_files if keeper else frozenset()
    step = Step(
        "delete",
        address,
        live.id,
        before=live.spec,
        expects=kind.witness(live, [path for each in kind.fields for path in each.owned_paths(live)]),
        files=tuple(change for each in kind.fields for change in each.removed(live)),
        reason=reason,
        replaces=replaces,
        protected=protected,
        shared_files=tuple(sorted(shared)),
        home=live.home,
        within=live.within,
        removes=tuple(gone for each in kind.uploads for gone in _carried(each, live) if gone.id not in shared),
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
            step = _update(draft, wanted, live, kind, Comparison(wanted, live))
        known = {change.path for change in step.changes}
        added = tuple(change for change in changes if change.path not in known)
        expects = {**step.expects, **kind.witness(live, [change.path for change in added])}
        draft.upserts[address] = replace(step, changes=(*step.changes, *added), expects=expects)


def _repointed(draft: Draft, wanted: Declared, replaced: Mapping[Address, Step]) -> Iterator[FieldChange]:
    kind = draft.kinds[wanted.address.kind].at(wanted.home)
    for path, reference in references(wanted.spec, kind):
        if reference.address in replaced and not wanted.lifecycle.ignores(str(path[0])):
            old = draft.named.owned[reference.address].id
            yield FieldChange(path, old, reference, "config", wanted.position(path))


def _referred_ids(steps: Iterable[Step], named: Named, kinds: Kinds) -> dict[Address, str]:
    """The live ids that the steps need for what they refer to; what is created on the way is not among them yet."""
    made = {step.address for step in steps if step.action == "create"}
    spoken = ((step.after or {}, kinds[step.address.kind].at(step.home)) for step in steps)
    wanted = {reference.address for spec, kind in spoken for _, reference in references(spec, kind)}
    return {address: named.owned[address].id for address in sorted(wanted - made) if address in named.owned}


def references(spec: Mapping[str, Any], kind: Kind) -> Iterator[tuple[Path, Ref]]:
    """Every reference inside a canonical specification, with where it stands. Only fields that hold ids are looked
    through: of all others, a manifest may have 100,000 files."""
    for each in kind.fields:
        if each.refs and each.name in spec:
            yield from _references_in(spec[each.name], (each.name,))


def _references_in(value: Any, path: Path) -> Iterator[tuple[Path, Ref]]:
    if isinstance(value, Ref):
        yield path, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _references_in(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _references_in(each, (*path, index))


def closure(targets: Iterable[Address], declared: Mapping[Address, Declared], kinds: Kinds) -> set[Address]:
    """The targets and everything they depend on."""
    found: set[Address] = set()
    waiting = list(targets)
    while waiting:
        address = waiting.pop()
        if address not in found:
            found.add(address)
            if address in declared:
                waiting += needed_by(declared[address], kinds)
    return found


def needed_by(declared: Declared, kinds: Kinds) -> list[Address]:
    """What a declaration refers to, in order."""
    kind = kinds[declared.address.kind].at(declared.home)
    return sorted({reference.address for _, reference in references(declared.spec, kind)})


def ordered(draft: Draft, only: frozenset[Address] | None, *, destroy: bool = False) -> list[Step]:
    """Creations and updates after what they refer to, then deletions after whatever still pointed at them. With `only`,
    there are none of the latter, unless to destroy is what was asked for."""
    steps: list[Step] = []
    done: set[Address] = set()

    def visit(address: Address) -> None:
        if address in done:
            return
        done.add(address)
        targets = needed_by(draft.declared[address], draft.kinds)
        for target in targets:
            visit(target)
        claim = draft.claims.get(address)
        if claim is not None:
            steps.append(claim)
        step = draft.upserts.get(address)
        if step is not None:
            needs = tuple(draft.upserts[each].key for each in targets if each in draft.upserts)
            steps.append(replace(step, needs=((claim.key,) if claim else ()) + needs))

    for address in sorted(draft.declared):
        visit(address)
    if only is None or destroy:
        steps += draft.releases + _ordered_deletes(draft)
    if only is None:
        return steps
    kept = [step for step in steps if step.address in only]
    keys = {step.key for step in kept}
    return (
        [replace(step, needs=tuple(each for each in step.needs if each in keys)) for step in kept] if destroy else kept
    )


def _ordered_deletes(draft: Draft) -> list[Step]:
    pointing = _pointing_at(draft)
    by_id = {step.id: step for step in draft.deletes if step.id}
    steps: list[Step] = []
    done: set[str] = set()

    def visit(step: Step) -> None:
        live_id = step.id or ""
        if live_id in done:
            return
        done.add(live_id)
        # What takes its place must be complete first: the new object of a replacement, the kept one of several.
        keeper = draft.upserts.get(step.address)
        claim = draft.claims.get(step.address)
        needs = [each.key for each in (claim, keeper) if each]
        for holder_id in sorted(pointing.get(live_id, ())):
            holder = by_id.get(holder_id)
            if holder is not None:
                visit(holder)
                needs.append(holder.key)
            else:
                address = draft.named.addresses.get(holder_id)
                if address in draft.upserts:
                    needs.append(draft.upserts[address].key)
        steps.append(replace(step, needs=tuple(dict.fromkeys(needs))))

    for step in sorted(draft.deletes, key=lambda each: (each.address, each.id or "")):
        visit(step)
    return steps


def _pointing_at(draft: Draft) -> dict[str, set[str]]:
    """Live id → ids of our live objects that hold it."""
    pointing: dict[str, set[str]] = {}
    for live in draft.named.all_owned:
        for target in live.refers_to:
            pointing.setdefault(target, set()).add(live.id)
    return pointing


@dataclass(slots=True)
class Draft:
    """`written` is what the files declare, `declared` what the account is to have. `claims` come before `upserts`."""

    named: Named
    declared: Mapping[Address, Declared]
    kinds: Kinds
    written: Mapping[Address, Declared]
    handed: Handed
    claims: dict[Address, Step] = field(default_factory=dict)
    releases: list[Step] = field(default_factory=list)
    upserts: dict[Address, Step] = field(default_factory=dict)
    deletes: list[Step] = field(default_factory=list)
    retags: list[Step] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    missing: frozenset[Address] = frozenset()
    in_sync: int = 0


def claim(draft: Draft, wanted: Declared, live: Live, *, in_sync: bool) -> Step:
    """The step that gives an object the tag of this stack and address. Where more is to change, the tag claims nothing
    of it yet: the step after it will."""
    kind = draft.kinds[live.kind].at(live.home)
    handed = draft.handed.claims[live.id]
    full = _tag(draft, wanted, kind, live)
    return Step(
        handed.action,
        wanted.address,
        live.id,
        before=live.spec,
        after=wanted.spec,
        expects=kind.witness(live, _claimed(wanted, kind)) if in_sync else {},
        tag=full if in_sync else live.tag,
        reason=handed.reason(draft.named.stack),
        position=handed.said.position,
        protected=live.tag is not None and PROTECT in live.tag.flags,
        home=live.home,
        within=live.within,
        held=handed.held,
    )


def _claimed(wanted: Declared, kind: Kind) -> list[Path]:
    """The values that the tag will say we applied: they must still be what the plan saw."""
    heeded = wanted.lifecycle.heeded(wanted.spec)
    return [path for name, value in heeded.items() for path in kind.field(name).claimed_paths(value)]


def let_go(draft: Draft, live: Live, address: Address, reason: str | None) -> Step:
    """The step for an object that would be deleted, had its lifecycle not said otherwise: it is kept or retired."""
    kind = draft.kinds[live.kind].at(live.home)
    why = f"{reason}; " if reason else ""
    if live.tag is None or kind.retire is None or on_delete(live.tag) == "keep":
        return release(draft, live, address, reason=f"{why}its lifecycle keeps it, without an owner")
    last = kind.retire(live.spec)
    changed = [name for name, value in last.items() if not same(value, live.spec[name])]
    return Step(
        "update",
        address,
        live.id,
        before=live.spec,
        after=last,
        changes=(
            *(FieldChange((name,), live.spec[name], last[name], "config") for name in changed),
            FieldChange(("lifecycle", "retired"), before=False, after=True, cause="config"),
        ),
        expects=kind.witness(live, [(name,) for name in changed]),
        tag=replace(live.tag, flags=frozenset({RETIRED})),
        reason=f"{why}it is retired, and ends by itself",
        protected=PROTECT in live.tag.flags,
        home=live.home,
        within=live.within,
    )


def release(draft: Draft, live: Live, address: Address, *, reason: str | None = None) -> Step:
    """The step that takes our marks off an object and its files, and leaves everything else."""
    said = draft.handed.released.get(address)
    return Step(
        "release",
        address,
        live.id,
        before=live.spec,
        reason=reason or "it stays in the account, without an owner",
        position=said.position if said else None,
        home=live.home,
        within=live.within,
        held=live.tag,
    )
