"""What a declaration says about the life of its object, checked against what its kind can do."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from retinue.core.kind import Kind
from retinue.core.model import Lifecycle, Problem


def check_lifecycle(lifecycle: Lifecycle, kind: Kind) -> Iterator[Problem]:
    """Every mistake in it; paths are those of the declaration."""
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
        name, dot, key = entry.partition(".")
        if not kind.has(name):
            names = [each.name for each in kind.fields]
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)}"
            yield Problem("unknown-field", path, f"there is no field '{name}' to ignore", hint)
        elif dot and not (key and kind.field(name).per_key):
            hint = f"ignore '{name}', or a key of a map such as 'metadata.KEY'"
            yield Problem("invalid-value", path, f"'{entry}' cannot be ignored apart from the rest of '{name}'", hint)
