"""What a declaration says about the life of its object, checked against what its kind can do."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from retinue.core.kind import Kind
from retinue.core.model import Lifecycle, Problem


def check_lifecycle(lifecycle: Lifecycle, kind: Kind) -> Iterator[Problem]:
    """Every mistake in it; paths are those of the declaration."""
    if lifecycle.on_delete != "delete" and kind.bundle:
        yield Problem(
            "misplaced-field",
            ("lifecycle", "on_delete"),
            f"nothing can be left or retired with 'api: {kind.home}'",
            "what is rendered ends with its declaration: take the line out",
        )
    elif lifecycle.on_delete == "retire" and kind.retire is None:
        yield Problem(
            "not-allowed-value",
            ("lifecycle", "on_delete"),
            f"nothing in the API lets this {kind.title} end by itself, so it cannot be retired",
            "use 'keep' to leave it in the account, or 'delete'",
        )
    for index, entry in enumerate(lifecycle.ignore):
        path = ("lifecycle", "ignore", index)
        if kind.bundle:
            # Its place in the lock file is written whole, and by nobody else.
            yield Problem(
                "misplaced-field",
                path,
                f"nothing can be ignored with 'api: {kind.home}'",
                "what is rendered follows its declaration: remove the field that is to be free instead",
            )
            continue
        if kind.versions is not None:
            yield Problem(
                "misplaced-field",
                path,
                f"nothing of a {kind.title} can be ignored: its versions are made and chosen as a whole",
                "take the line out",
            )
            continue
        name, dot, key = entry.partition(".")
        if not kind.has(name):
            names = [each.name for each in kind.fields]
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)}"
            yield Problem("unknown-field", path, f"there is no field '{name}' to ignore", hint)
        elif dot and not (key and kind.field(name).per_key):
            hint = f"ignore '{name}', or a key of a map such as 'metadata.KEY'"
            yield Problem("invalid-value", path, f"'{entry}' cannot be ignored apart from the rest of '{name}'", hint)
