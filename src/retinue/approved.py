"""Plans that were approved: saved to a file, read back, and held against the plan that would be carried out now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinue.errors import BlockedError, RetinueError, StaleError, UsageError, reason_of
from retinue.model.live import Live
from retinue.model.steps import AccountInfo, Plan
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.documents.plan_document import PlanFormatError, from_document, summarise, to_document
from retinue.planning.documents.resume import is_remainder
from retinue.session import Session
from retinue.state.atomic_file import replace_file

AGAIN = "make a plan again, and have that one approved"


@dataclass(frozen=True, slots=True)
class Approved:
    """What was approved: a digest, and the plan that it names where that was saved, with the name of its file."""

    digest: str
    plan: Plan | None = None
    name: str = ""


def save_plan(document: Mapping[str, Any], path: Path) -> None:
    """Write a plan document, replacing the file in one step. Raises RetinueError when it cannot be written."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        replace_file(path, text.encode())
    except OSError as error:
        message = f"the plan cannot be saved to '{path}': {reason_of(error)}"
        raise RetinueError(message, hint="name a file in a directory that is there") from error


def read_document(path: Path) -> tuple[dict[str, Any], Plan]:
    """The document in a file and the plan it describes. Raises RetinueError when the file holds none that is whole."""
    hint = "save one with 'retinue plan --out FILE'"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or "format_version" not in document:
            raise RetinueError(f"'{path}' is not a saved plan: it has no 'format_version'", hint=hint)
        made = from_document(document)
    except OSError as error:
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


def read_approved(path: Path, expected: str | None = None) -> Approved:
    """The plan saved in a file, as an approval. Raises StaleError when another digest than its own is `expected`."""
    document, made = read_document(path)
    if expected is not None and expected != document["digest"]:
        raise StaleError(f"'{path}' holds the plan {document['digest']}, and {expected} was approved", hint=AGAIN)
    return Approved(document["digest"], made, str(path))


def check_stack(approved: Approved, session: Session) -> None:
    """Raises UsageError when a saved plan is about another stack or environment than the session."""
    if approved.plan is None:
        return
    theirs = (approved.plan.stack, approved.plan.environment)
    ours = (session.project.stack, session.project.environment)
    if theirs != ours:
        elsewhere = "without -e" if ours[1] else "with -C and the directory of its project"
        way = f"with -e {theirs[1]}" if theirs[1] else elsewhere
        message = f"'{approved.name}' is a plan for {_place(*theirs)}, and this is {_place(*ours)}"
        raise UsageError(message, hint=f"run the command {way}")


def _place(stack: str, environment: str | None) -> str:
    return f"the stack '{stack}'" + (f" in the environment '{environment}'" if environment else "")


def is_approved(approved: Approved, made: Plan, live: Iterable[Live]) -> bool:
    """Whether a fresh plan may be carried out: it is the approved one, or what is left of it as `live` shows.

    Raises BlockedError when a saved plan is about another account.
    """
    if approved.plan is not None and approved.plan.account != made.account:
        theirs, ours = _account(approved.plan.account), _account(made.account)
        raise BlockedError(
            f"'{approved.name}' is a plan for the account {theirs}, and this is {ours}",
            hint="check the key and the account of retinue.yaml, or make a plan for this account",
        )
    if made.empty or plan_digest(made) == approved.digest:
        return True
    return approved.plan is not None and is_remainder(made, approved.plan, live)


def _account(account: AccountInfo) -> str:
    details = [account.url, account.organization, account.project]
    more = ", ".join(each for each in details if each)
    return f"{account.name} ({more})" if more else account.name


def stale(approved: Approved, made: Plan) -> StaleError:
    """The error for a fresh plan that is not the approved one."""
    message = f"the plan to carry out is {plan_digest(made)}, and {approved.digest} was approved; nothing was changed"
    return StaleError(message, hint="look at what differs, and have the new plan approved")
