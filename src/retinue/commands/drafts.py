"""Live objects → declarations as somebody would write them, with their long texts in files of their own."""

from __future__ import annotations

import errno
import re
import tempfile
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from retinue.config import load
from retinue.config.project import PROJECT_FILE
from retinue.config.yaml.writer import WIDTH, Commented, Verbatim, write_yaml
from retinue.errors import DeclarationError, reason_of
from retinue.kinds.kind import Kind
from retinue.model import values
from retinue.model.declared import Declaration, Declared, Diagnostic
from retinue.model.live import Live
from retinue.model.paths import matches, replaced, show
from retinue.model.values import Address, Unseen
from retinue.model.values import Path as Place
from retinue.planning.matching import Named
from retinue.planning.object_diff import compare
from retinue.planning.resolve import resolve
from retinue.session import Session

PROMPTS = "prompts"
LONG = 100
"""A text with more characters, or with several lines, gets a file of its own."""
MOST_SHOWN = 60
"""As many characters of the name of a file are shown."""
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
    from retinue.providers.openai.uploads import FILES_PAGE

    listed = session.account.pages("/files", page=FILES_PAGE)
    return {raw["id"]: str(raw.get("filename") or raw["id"]) for raw in listed}


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


def unfit(names: Collection[str], folder: Path) -> str | None:
    """Why a folder could not hold files of these names and give them back, told of the first that it could not."""
    above = {name[: match.start()] for name in names for match in re.finditer("/", name)}
    for name in names:
        parts = name.split("/")
        if "\\" in name or {"", ".", ".."} & set(parts):
            why = "cannot stand in a folder"
        elif any(each.startswith(".") for each in parts):
            why = "is hidden, and hidden files of a folder are left out"
        elif name in above:
            why = "has the name of a folder beside it"
        elif reason := _refused(folder, name):
            why = f"cannot be written: {reason}"
        else:
            continue
        return f"its file '{name if len(name) <= MOST_SHOWN else name[: MOST_SHOWN - 1] + '…'}' {why}"
    return None


def _refused(folder: Path, name: str) -> str | None:
    """What the file system says of a path below a folder that need not be there yet, or of one of its parts: only where
    a directory is does it look at a name."""
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    for path in (folder / name, *(there / part for part in name.split("/"))):
        try:
            path.lstat()
        except ValueError:
            return "it is no name of a file"
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                return reason_of(error)
    return None


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


@dataclass(frozen=True, slots=True)
class Kept:
    """A key of a declaration that was left out, so that what it holds stays as it is, and why."""

    key: str
    why: str


@dataclass(slots=True)
class Draft:
    """A declaration under way. `kept` are the keys that it does without, `skipped` why there can be none at all.

    `contents` are the files that the object is made of. `secrets` are the environment variables that hold what is
    never shown and has to be declared; `unseen` are the fields that are never shown and are not declared.
    """

    address: Address
    live: Live
    written: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    skipped: str | None = None
    contents: Mapping[str, bytes] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


def judge(session: Session, files: Mapping[str, str | bytes], drafts: Mapping[Address, Draft], named: Named) -> bool:
    """Whether there is more to say in a draft: something had to be left out of it, since it is refused as a declaration
    or would be a change; or something of its object is never shown.

    Raises DeclarationError when what is wrong cannot be told apart.
    """
    loaded = _load(session, files)
    ours = [each for each in loaded.declarations if each.address in drafts]
    # What the project declares already counts only as something to refer to.
    known = [Declaration(each.address, {}, each.places, broken=True) for each in session.reading.declared]
    resolved = resolve([*ours, *known], session.kinds, home=session.project.api)
    wrong = [each for each in (*loaded.diagnostics, *resolved.diagnostics) if each.severity == "error"]
    if wrong:
        places = {each.address: each for each in ours}
        for each in wrong:
            _leave_out(session, *_blamed(each, places, drafts), each.message)
        return True
    changed = False
    for declared in resolved.declared:
        draft, kind = drafts[declared.address], session.kinds[declared.address.kind]
        unsaid = (each for each in kind.fields if not each.shown and each.in_body)
        unseen = tuple(each.name for each in unsaid if each.name not in declared.spec)
        if unseen != draft.unseen:
            draft.unseen, changed = unseen, True
        for key, path in _different(session, declared, draft.live, named).items():
            where = "" if path in ((), (key,)) else f": '{show(path)}' would change"
            _leave_out(session, draft, key, f"it cannot be written as it is{where}")
            changed = True
    return changed


def _load(session: Session, files: Mapping[str, str | bytes]) -> Any:
    """The texts as a project of their own."""
    with tempfile.TemporaryDirectory(prefix="retinue-") as scratch:
        root = Path(scratch)
        first = next(iter(files))
        project = write_yaml({"stack": "import", "include": ["declarations.yaml"]})
        (root / PROJECT_FILE).write_text(project, encoding="utf-8")
        for name, text in files.items():
            relative = Path(name).relative_to(Path(first).parent)
            path = root / ("declarations.yaml" if name == first else relative)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(root, environ={}, kinds=session.kinds, stand_ins=("secret",))


def _blamed(
    wrong: Diagnostic, places: Mapping[Address, Declaration], drafts: Mapping[Address, Draft]
) -> tuple[Draft, str | None]:
    """The draft and the key in whose lines a mistake stands."""
    if wrong.position is not None:
        for address, each in sorted(places.items(), key=lambda pair: -pair[1].places.at((), key=True).line):
            if each.places.at((), key=True).line <= wrong.position.line:
                lines = {key: each.places.at((key,), key=True).line for key in drafts[address].written}
                before = [key for key, line in lines.items() if line <= wrong.position.line]
                return drafts[address], max(before, key=lambda key: lines[key]) if before else None
    raise DeclarationError.of([wrong])


def _leave_out(session: Session, draft: Draft, key: str | None, why: str) -> None:
    required = session.kinds[draft.address.kind].schema.get("required", ())
    if key is None or key in required or key not in draft.written:
        draft.skipped = why
    else:
        draft.kept[key] = Kept(key, why)


def _different(session: Session, declared: Declared, live: Live, named: Named) -> dict[str, values.Path]:
    """The keys that a plan would change, each with the first place that would, but for what is never shown: nobody
    knows whether that differs."""
    kind = session.kinds[live.kind]
    found = compare(declared, named.translate(live, kind), kind)
    shown = [change for change in found.changes if not kind.has(change.field) or kind.field(change.field).shown]
    contents: dict[str, values.Path] = {each.name: () for each in kind.fields if each.content and found.files}
    return contents | {_key(declared, change.path): change.path for change in reversed(shown)}


def _key(declared: Declared, path: values.Path) -> str:
    """The key of the declaration that a canonical path was written under."""
    for cut in range(len(path), 0, -1):
        origin = declared.origins.get(path[:cut])
        if origin:
            return str(origin[0])
    return str(path[0])
