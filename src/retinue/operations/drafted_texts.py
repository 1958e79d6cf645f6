"""Drafts of declarations → the files that they are written as: YAML with comments, prompts, folders, placeholders."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from retinue.core.kind import Kind
from retinue.core.model import Path as Place
from retinue.core.model import Unseen
from retinue.core.resolve import matches, replaced
from retinue.operations.drafting import Draft
from retinue.operations.sessions import Session
from retinue.source.writing import WIDTH, Commented, Verbatim, write_yaml

PROMPTS = "prompts"
LONG = 100
"""A text with more characters, or with several lines, gets a file of its own."""
Files = dict[str, str | bytes]


def name_secrets(draft: Draft, taken: set[str]) -> None:
    """Put the name of an environment variable in the place of all that is never shown. `taken` are those in use."""
    names: list[str] = []
    for place in list(_unseen(draft.written)):
        wanted = re.sub(r"\W", "_", f"{draft.address.name}_{place[-1]}", flags=re.ASCII).upper()
        wanted = f"SECRET_{wanted}" if wanted[0].isdigit() else wanted
        name, number = wanted, 1
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        names.append(name)
        draft.written = replaced(draft.written, place, Verbatim(f"${{{{ secret.{name} }}}}"))
    draft.secrets = tuple(names)


def _unseen(value: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, Mapping | list):
        for key, each in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _unseen(each, (*place, key))
    elif isinstance(value, Unseen):
        yield place


def file_names(session: Session) -> dict[str, str]:
    """What people called the files of the account, by id: nobody knows them by their ids."""
    from retinue.account.uploads import FILES_PAGE

    return {str(raw["id"]): str(raw["filename"]) for raw in session.account.pages("/files", page=FILES_PAGE)}


def _with_names(value: Any, names: Mapping[str, str]) -> Any:
    """The value with the name of each file beside its id."""
    if isinstance(value, Mapping):
        return {key: _with_names(each, names) for key, each in value.items()}
    if not isinstance(value, list):
        return value
    return [
        Commented(each, names[each["id"]])
        if isinstance(each, Mapping) and each.keys() == {"id"} and each["id"] in names
        else _with_names(each, names)
        for each in value
    ]


def texts(
    session: Session, file: str, drafts: Sequence[Draft], names: Mapping[str, str], from_stack: str | None
) -> Files:
    """The files by their paths below the project's root, the declarations first."""
    files: Files = {file: ""}
    sections: dict[str, Any] = {}
    for draft in drafts:
        kind = session.kinds[draft.address.kind]
        spec = _with_folders(session, kind, draft, file, files)
        spec = _with_names(_with_prompts(session, kind, draft, spec, file, files), names)
        entry = Commented(spec, "\n".join(told)) if (told := _told(draft)) else spec
        sections.setdefault(kind.section, {})[draft.address.name] = entry
    adopted = [{"address": str(each.address), "id": each.live.id} for each in drafts]
    sections["adopt"] = Commented(adopted, "Each entry can go once it has been applied.")
    if from_stack is not None:
        sections["takeover"] = [{"address": str(each.address), "from_stack": from_stack} for each in drafts]
    files[file] = write_yaml(sections, comment="Written by 'retinue import'.")
    return files


def _told(draft: Draft) -> list[str]:
    """Lines with what a reader of the declaration has to know."""
    told: list[str] = []
    if draft.kept:
        about = "; ".join(f"{each.key} ({each.why})" for each in draft.kept.values())
        told.append(f"Not declared, and left as it is: {about}.")
    if draft.unseen:
        told.append(f"Never shown by the account, not declared, and left as it is: {', '.join(draft.unseen)}.")
    if draft.secrets:
        names = ", ".join(draft.secrets)
        told.append(f"TODO: set {names}. The account never shows secrets, so that the next apply writes them anew.")
    return [line for each in told for line in textwrap.wrap(each, WIDTH, break_long_words=False)]


def _with_folders(session: Session, kind: Kind, draft: Draft, file: str, files: Files) -> dict[str, Any]:
    """The declaration with the files that stand in it in a folder of the project."""
    spec = dict(draft.written)
    below = PurePosixPath(file).parent.as_posix()
    for inclusion in kind.inclusions:
        for path, value in list(matches(spec, inclusion.pattern)) if inclusion.form == "folder" else ():
            if isinstance(value, Mapping):
                folder = free(session.project.root, below, f"{kind.section}/{draft.address.name}", ())
                files.update({f"{folder}/{name}": draft.contents[name] for name in value})
                spec = replaced(spec, path, PurePosixPath(folder).relative_to(below).as_posix())
    return spec


def stray(names: Iterable[str]) -> str | None:
    """The first of the names that would lead out of a folder, or that no folder can have."""
    return next((name for name in names if "\\" in name or {"", ".", ".."} & set(name.split("/"))), None)


def _with_prompts(
    session: Session, kind: Kind, draft: Draft, spec: dict[str, Any], file: str, files: Files
) -> dict[str, Any]:
    """The declaration with its long texts in files of their own, which are added to `files`."""
    below = PurePosixPath(file).parent.as_posix()
    for inclusion in kind.inclusions:
        for path, value in list(matches(spec, inclusion.pattern)) if inclusion.form == "text" else ():
            if not isinstance(value, str) or not _deserves_file(value):
                continue
            wanted = f"{PROMPTS}/{draft.address.name}.md"
            name = free(session.project.root, below, wanted, files)
            files[name] = value + "\n"
            relative = PurePosixPath(name).relative_to(below).as_posix()
            spec = replaced(spec, path, {"file": relative})
    return spec


def _deserves_file(text: str) -> bool:
    """Whether a text is long, and comes back from a file as it is: line ends are made alike, and a mark is dropped."""
    return (
        (len(text) > LONG or "\n" in text) and "\r" not in text and not text.startswith("\ufeff") and bool(text.strip())
    )


def free(root: Path, below: str, wanted: str, taken: Iterable[str]) -> str:
    """A path where nothing is yet."""
    path = PurePosixPath(below, wanted)
    number, made = 1, path
    while made.as_posix() in set(taken) or (root / made).exists():
        number += 1
        made = path.with_stem(f"{path.stem}-{number}")
    return made.as_posix()
