"""Live objects → the same objects under the declarations' names: whose they are, which one has an address, and ids
replaced by addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from retinue.kinds.kind import Kind, Kinds
from retinue.model.canonical import same
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.tag import is_retired, named_stack
from retinue.model.values import Address, Gone, Ref


@dataclass(slots=True)
class Named:
    """The live side of a plan. `owned` holds one object for each address; `extra` are further ones with its tag.

    `addresses` maps the ids of `owned`; `known` are the ids of all objects that exist and stay.
    """

    stack: str
    owned: dict[Address, Live] = field(default_factory=dict)
    extra: dict[Address, list[Live]] = field(default_factory=dict)
    unreadable: list[Live] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)
    retired: Counter[str] = field(default_factory=Counter)
    unowned: list[Live] = field(default_factory=list)
    addresses: dict[str, Address] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def forget(self, keep: Collection[Address]) -> None:
        """Refer only to objects with these addresses by name; to all others by their ids."""
        self.addresses = {live_id: address for live_id, address in self.addresses.items() if address in keep}

    @property
    def all_owned(self) -> list[Live]:
        """Every object of the stack."""
        return [*self.owned.values(), *(each for several in self.extra.values() for each in several)]

    def others(self, live: Iterable[Live]) -> list[Live]:
        """Those of the account's objects that are not of the stack."""
        ours = {each.id for each in self.all_owned}
        return [each for each in live if each.id not in ours]

    def of(self, address: Address) -> list[Live]:
        """Every object with the address, the one to keep first."""
        return [self.owned[address], *self.extra.get(address, ())]

    def name(self, live_id: Any) -> Any:
        """An id of ours as a reference, and a dead one as such."""
        if not isinstance(live_id, str):
            return live_id
        address = self.addresses.get(live_id)
        return Ref(address) if address else live_id if live_id in self.known else Gone(live_id)

    def translate(self, live: Live, kind: Kind) -> Live:
        """The object with its specification under names. What is hidden is left out: it would be printed."""
        return replace(live, spec={each.name: each.named(live, self.name) for each in kind.fields if each.shown})


def name_declared(declared: Declared, kind: Kind, named: Named) -> Declared:
    """A declaration that gives the id of an object of this very stack means that object's address."""

    def addressed(live_id: Any) -> Any:
        return Ref(named.addresses[live_id]) if isinstance(live_id, str) and live_id in named.addresses else live_id

    spec, holding = declared.spec, [each for each in kind.fields if each.refs and each.name in declared.spec]
    if holding:
        spec = {**spec, **{each.name: each.over_ids(spec[each.name], addressed) for each in holding}}
    live = named.owned.get(declared.address)
    spec = kind.store.settle(spec, live) if live else spec
    return declared if spec is declared.spec else replace(declared, spec=spec)


def name_live(live: Iterable[Live], declared: Mapping[Address, Declared], kinds: Kinds, stack: str) -> Named:
    """Sort the account's objects by ownership and settle which one has each address."""
    named = Named(stack)
    candidates: dict[Address, list[Live]] = {}
    for each in live:
        named.known.add(each.id)
        if each.tag_error is not None and named_stack(each.damaged_tag or "") not in (None, stack):
            named.foreign[each.kind] += 1
        elif each.tag_error is not None:
            named.unreadable.append(each)
        elif each.tag is None:
            named.unowned.append(each)
        elif each.tag.stack != stack:
            named.foreign[each.kind] += 1
        elif is_retired(each.tag):
            named.retired[each.kind] += 1
        else:
            candidates.setdefault(each.tag.address, []).append(each)
    referenced = {live_id for group in candidates.values() for each in group for live_id in each.refers_to}
    tagged = {each.id: Ref(address) for address, group in candidates.items() for each in group}
    for address, several in candidates.items():
        first, *rest = _best_first(several, declared.get(address), kinds, referenced, tagged)
        named.owned[address] = first
        named.addresses[first.id] = address
        if rest:
            # They are on their way out: whoever still points at one has lost what it pointed at.
            named.extra[address] = rest
            named.known.difference_update(each.id for each in rest)
    # Only now is it known which ids have names.
    for address, each in named.owned.items():
        named.owned[address] = named.translate(each, kinds[each.kind].at(each.home))
    for address, several in named.extra.items():
        named.extra[address] = [named.translate(each, kinds[each.kind].at(each.home)) for each in several]
    return named


def _best_first(
    several: Sequence[Live], wanted: Declared | None, kinds: Kinds, referenced: set[str], tagged: Mapping[str, Ref]
) -> list[Live]:
    """The object to keep, then the others. An interrupted replacement leaves two: the finished one is to be kept.

    `tagged` maps the ids of the stack's objects to the addresses that their tags give.
    """
    if len(several) == 1:
        return list(several)  # as nearly always

    def rank(live: Live) -> tuple[object, ...]:
        kind = kinds[live.kind].at(live.home)
        elsewhere = wanted is not None and wanted.home != live.home
        comparable = wanted if wanted and not elsewhere else None
        differing = _differences(live, comparable, kind, tagged) if comparable else []
        wrong, other = sum(1 for name in differing if not kind.field(name).mutable), len(differing)
        unreferenced, files = live.id not in referenced, live.owned_files
        return (elsewhere, live.spent, wrong, unreferenced, -files, other, live.born, live.id)

    return sorted(several, key=rank)


def _differences(live: Live, wanted: Declared, kind: Kind, tagged: Mapping[str, Ref]) -> list[str]:
    """The declared fields that differ, as far as they can be compared before ids have names."""
    heeded = wanted.lifecycle.heeded(wanted.spec)
    fields = [kind.field(name) for name in heeded if kind.field(name).comparable]
    held = {each.name: each.over_ids(live.held[each.name], lambda value: tagged.get(value, value)) for each in fields}
    return [name for name, value in held.items() if not same(heeded[name], value)]
