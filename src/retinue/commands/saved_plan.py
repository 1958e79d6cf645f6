"""Plans in files: saved, and read back for approval."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from retinue.errors import RetinueError, StaleError, reason_of, way_out
from retinue.model.printable import json_pieces
from retinue.model.steps import Plan
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.documents.plan_document import PlanFormatError, from_document, summarise, to_document
from retinue.planning.policy import Approval
from retinue.state.atomic_file import replace_file

AGAIN = "make a plan again, and have that one approved"


def save_plan(document: Mapping[str, Any], path: Path) -> None:
    """Write a plan document, replacing the file in one step. Raises RetinueError when it cannot be written."""
    try:
        replace_file(path, (piece.encode() for piece in chain(json_pieces(document), "\n")))
    except OSError as error:
        message = f"the plan cannot be saved to '{path}': {reason_of(error)}"
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        hint = "name a file in a directory that is there" if missing else "name a file that you may write"
        raise RetinueError(message, hint=way_out(error, hint)) from error


def read_document(path: Path) -> tuple[dict[str, Any], Plan]:
    """The document in a file and the plan it describes. Raises RetinueError when the file holds none that is whole."""
    hint = "save one with 'retinue plan --out FILE'"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or "format_version" not in document:
            raise RetinueError(f"'{path}' is not a saved plan: it has no 'format_version'", hint=hint)
        made = from_document(document)
    except OSError as error:
        hint = "make it readable" if isinstance(error, PermissionError) else way_out(error, hint)
        raise RetinueError(f"'{path}' cannot be read: {reason_of(error)}", hint=hint) from error
    except PlanFormatError as error:
        raise RetinueError(f"'{path}' holds no plan that can be used: {error}", hint=AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise RetinueError(f"'{path}' is not a saved plan: it is not JSON", hint=hint) from error
    if plan_digest(made) != document.get("digest"):
        raise RetinueError(f"'{path}' was edited: what it holds is not what its digest names", hint=AGAIN)
    if not _counted(document, made):
        raise RetinueError(f"'{path}' was edited: its summary does not count what it holds", hint=AGAIN)
    return to_document(made), made  # what is shown is what is held against the account


def _counted(document: Mapping[str, Any], made: Plan) -> bool:
    """Whether what people read first is so. A later version may count more."""
    ours = {**summarise(made), "complete": not made.targets}
    theirs = {**document["summary"], "complete": document.get("complete")}
    return all(theirs.get(name) == number for name, number in ours.items())


def read_approved(path: Path, expected: str | None = None) -> Approval:
    """The plan saved in a file, as an approval. Raises StaleError when another digest than its own is `expected`."""
    document, made = read_document(path)
    if expected is not None and expected != document["digest"]:
        raise StaleError(f"'{path}' holds the plan {document['digest']}, and {expected} was approved", hint=AGAIN)
    return Approval(digest=document["digest"], plan=made, name=str(path))
