"""A plan while it is being made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retinue.core.changes import Step
from retinue.core.handover import Handed
from retinue.core.kind import Kinds
from retinue.core.model import Address, Declared, Diagnostic
from retinue.core.names import Named


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
    in_sync: int = 0
