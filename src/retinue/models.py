"""How the declared models stand with the account: offered, unknown, about to be shut down."""

from __future__ import annotations

from retinue.model.declared import Diagnostic
from retinue.planning.model_catalog import Standing, model_warnings, standings, used_models
from retinue.session import Session


def models(session: Session) -> tuple[Standing, ...]:
    """Every model that the account lists or that declarations use, the most pressing first.

    Raises AccountError when the account cannot be reached.
    """
    from retinue.providers.openai.model_list import list_models

    used = used_models(session.reading.declared, session.kinds)
    session.models_listed = False
    offered = list_models(session.account, used)
    session.models_listed = offered is not None
    return standings(offered, used, session.day)


def check_models(session: Session) -> tuple[Diagnostic, ...]:
    """Warnings about the declared models. Asks nothing when there are none. Raises AccountError like `models`."""
    if not used_models(session.reading.declared, session.kinds):
        return ()
    return model_warnings(models(session), session.day)
