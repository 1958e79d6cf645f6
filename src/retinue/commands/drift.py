"""Looking for what somebody changed outside since the last apply. Writes nothing to the account."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from retinue import engine
from retinue.errors import AccountError
from retinue.model.declared import Diagnostic
from retinue.planning.documents.drift_document import drift_document
from retinue.planning.drift_detection import Drift, find_drift
from retinue.planning.policy import FailOn, fail_on_blocks
from retinue.session import Session, check_models


def look_for_drift(session: Session) -> Drift:
    """What differs from what was applied."""
    made = engine.decide(session)
    remembered = {**session.memory.gone, **session.memory.ids}
    return find_drift(made, session.live, session.kinds, remembered)


def describe(
    session: Session, drift: Drift, *, fail_on: Sequence[FailOn] = (), unowned: bool = False
) -> dict[str, Any]:
    """The drift as a document, with what there is to say of models; warnings that `fail_on` names are blocks of it."""
    warnings: tuple[Diagnostic, ...] = ()
    with suppress(AccountError):  # what there is to say of models is worth a warning, and no failure
        warnings = check_models(session)
    blocks = tuple(fail_on_blocks(warnings, fail_on))
    return drift_document(drift, session.kinds, warnings=warnings, blocks=blocks, unowned=unowned)
