"""What a marker tells of the account that it stands in."""

from __future__ import annotations

import pytest

from retinue.model.steps import AccountInfo
from retinue.planning.marker import different

HERE = AccountInfo("openai", organization="org-here", project="proj_here")


@pytest.mark.parametrize(
    ("organization", "project", "now", "told"),
    [
        ("org-here", "proj_here", HERE, None),
        ("org-here", "proj_there", HERE, ("project", "proj_there", "proj_here")),
        ("org-there", "proj_here", HERE, ("organization", "org-there", "org-here")),
        ("org-there", None, HERE, ("organization", "org-there", "org-here")),
        ("org-there", "proj_there", HERE, ("project", "proj_there", "proj_here")),
        # Nothing is known to differ: an account that names neither, and one that has a short name for itself.
        (None, None, HERE, None),
        ("org-there", "proj_there", AccountInfo("custom"), None),
        ("org-there", None, AccountInfo("custom", organization="acme"), None),
        ("acme", None, HERE, None),
    ],
)
def test_accounts_are_told_apart_as_far_as_they_are_known(
    organization: str | None, project: str | None, now: AccountInfo, told: tuple[str, str, str] | None
) -> None:
    assert different(organization, project, now) == told
