"""What a project declares, at a glance: names for the completion of shells, from the lines of files that hold keys.

Nothing is parsed, imported or checked that takes longer than a person waits for a key: files may hold mistakes, and
what is only half typed has to help all the same. What expressions make of a name is not known here, but for those of
a matrix and of variables of the project file.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from retinue.commands.matrix_scan import Surroundings, field_of, indented_below, instances

PROJECT_FILE = "retinue.yaml"
INCLUDE = ("assistants/**/*.yaml", "assistants/**/*.yml")
OVERLAYS = "environments"
LEAVE_OUT = "!"

_NAME = r"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'#&*!|>{\[\]},?:-][^\s:#]*)"
_TOP = re.compile(rf"^({_NAME})[ \t]*:(?=[ \t\r]|$)(.*)$|^---", re.MULTILINE)
_FIRST = re.compile(r"^( +)[^\s#]", re.MULTILINE)
_FLOW = re.compile(r"\s*(?:[&!]\S+\s+)*[{\[]")
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|(?:^|(?<=\s))#[^\n]*|[{}\[\],]|:(?=\s)", re.DOTALL)
_NO_NAME = re.compile(r"[*?\[:]|\$\{\{")
"""In keys of overlays that select several, and in names that something is still to be filled in."""
_LIST_ITEM = re.compile(r"^\s*-\s+([^#\n]+?)\s*(?:#.*)?$", re.MULTILINE)
_INCLUDE = re.compile(r"^[ \t]*include:[ \t]*(.*)$((?:\n[ \t]*(?:-.*|#.*)?$)*)", re.MULTILINE)
_LINES = 50
"""Lines that the labels of a declaration are looked for in."""
_LABELS = re.compile(r"^([ \t]*(?:-[ \t]+)?)labels:[ \t]*(?:\{([^}\n]*)\}?)?[ \t]*(?:#.*)?$", re.MULTILINE)
_LABEL = re.compile(r"([\w./-]+|\"[^\"\n]*\"|'[^'\n]*')\s*:\s+([^,#\n]+)")


class Name(NamedTuple):
    """A declaration: its address, and the file that has it, relative to the project."""

    address: str
    file: str


class NameScan:
    """A look at the project that `start` belongs to; one that finds nothing where there is none."""

    def __init__(self, start: Path, environment: str | None = None) -> None:
        self._file = _find(start)
        self._environment = environment

    @property
    def root(self) -> Path | None:
        return self._file.parent if self._file else None

    def names(self) -> Iterator[Name]:
        """The declarations, in the order of their files, each once."""
        seen: set[str] = set()  # and those whose matrix stands for others, which overlays may name
        texts = list(self._texts())
        templates = dict(_templates([self._project, *(text for _, text in texts)]))
        if not any("matrix" in each for each in templates.values()):
            templates = {}
        variables = cache(self._variables)
        for path, text in texts:
            for section, keys in _sections(text):
                kind = kind_of(section)
                around = Surroundings(partial(_template, templates, section) if templates else None, variables)
                for key, written in keys.items() if kind else ():
                    several = instances(key, written, around)
                    if several is not None:
                        seen.add(f"{kind}.{key}")
                    for name in [key] if several is None else several:
                        address = f"{kind}.{name}"
                        if address not in seen and not _NO_NAME.search(name):
                            seen.add(address)
                            yield Name(address, path)

    def environments(self) -> list[str]:
        """Those that the project file names, and those that have a file."""
        if self._file is None:
            return []
        named = [key for section, keys in _sections(self._project) if section == OVERLAYS for key in keys]
        files = map(os.path.splitext, _listed(f"{self._file.parent}/{OVERLAYS}")[0])
        return sorted({*named, *(stem for stem, end in files if end in (".yaml", ".yml"))})

    def labels(self) -> list[tuple[str, str]]:
        """The labels on declarations, as pairs of name and value, each once."""
        found: dict[tuple[str, str], None] = {}
        for _, text in self._texts():
            for each in _LABELS.finditer(text):
                written = (
                    each[2] if each[2] is not None else indented_below(text, each.end(), len(each[1]), most=_LINES)
                )
                pairs = ((_unquoted(name), _unquoted(value)) for name, value in _LABEL.findall(written))
                found.update((pair, None) for pair in pairs if "${{" not in pair[1])
        return sorted(found)

    def files(self) -> list[str]:
        """The files that hold declarations, relative to the project."""
        if self._file is None:
            return []
        included = self._included()
        globs = [each for each in included if not each.startswith(LEAVE_OUT)] or list(INCLUDE)
        wanted = re.compile("|".join(map(_pattern, globs))).fullmatch
        out = [_excluded(each.removeprefix(LEAVE_OUT)) for each in included if each.startswith(LEAVE_OUT)]
        unwanted = re.compile("|".join((*out, f"{OVERLAYS}/[^/]*", re.escape(self._file.name)))).fullmatch
        found: set[str] = set()
        for folder in dict.fromkeys(map(_fixed, globs)):
            found.update(each for each in _below(str(self._file.parent), folder) if wanted(each) and not unwanted(each))
        return sorted(found)

    # ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _project(self) -> str:
        return _text(str(self._file)) if self._file else ""

    def _variables(self) -> dict[str, Any]:
        """What the variables hold that the project file gives a value: it itself, or the environment in it."""
        found: dict[str, Any] = {}
        for name, written in _mapping(field_of(self._project, "variables")).items():
            found[name] = written.get("default") if isinstance(written, Mapping) else written
        chosen = _mapping(field_of(self._project, OVERLAYS)).get(self._environment or "")
        return {**found, **_mapping(_mapping(chosen).get("variables"))}

    def _included(self) -> list[str]:
        """The globs of `include`, of the project and of its environments: a name too many is better than none."""
        found: list[str] = []
        for first, below in _INCLUDE.findall(self._project):
            written = first.partition(" #")[0].strip()
            entries = written.strip("[]").split(",") if written else _LIST_ITEM.findall(below)
            found += [text for each in entries if (text := _unquoted(each)) and "${{" not in text]
        return found

    def _texts(self) -> Iterator[tuple[str, str]]:
        if self._file is None:
            return
        overlays = (f"{OVERLAYS}/{self._environment}{end}" for end in (".yaml", ".yml") if self._environment)
        for path in (*self.files(), *overlays):
            yield path, _text(f"{self._file.parent}/{path}")


def _templates(texts: Iterable[str]) -> Iterator[tuple[tuple[str, str], str]]:
    """The templates of all files, each by the section and name it is for: no section, where it is for all."""
    for text in texts:
        if "templates:" not in text:
            continue
        for name, written in (pair for word, keys in _sections(text) if word == "templates" for pair in keys.items()):
            if kind_of(name) is None:
                yield ("", name), written
            else:
                yield from (((name, each), below) for each, below in _keys(written).items())


def _template(known: Mapping[tuple[str, str], str], section: str, name: str) -> str | None:
    return known.get((section, name), known.get(("", name)))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@cache
def kind_of(section: str) -> str | None:
    """The kind that a section declares. A kind's module has its name, and its section is the plural."""
    kind = section.removesuffix("s")
    return kind if kind in _modules() and kind != section else None


@cache
def _modules() -> frozenset[str]:
    """The modules of kinds, not imported: that would take longer than everything else."""
    folder = Path(__file__).parents[1] / "kinds"
    return frozenset(Path(each).stem for each in _listed(str(folder))[0]) - {"kind"}


def kinds() -> list[str]:
    """The kinds, by their modules."""
    from retinue.kinds import all_kinds

    return sorted(all_kinds())


def _find(start: Path) -> Path | None:
    """The project file, as `config.project.find` finds it."""
    if start.is_file():
        return start
    start = start.resolve() if ".." in start.parts else start.absolute()
    return next((each / PROJECT_FILE for each in (start, *start.parents) if os.path.isfile(each / PROJECT_FILE)), None)  # noqa: PTH113 - one that may not be looked at is none


def _text(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path takes longer than the reading
            return (file.read() or b"").removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """The files and the folders in a folder. Links are taken for what they lead to."""
    files, folders = list[str](), list[str]()
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                (folders if each.is_dir() else files).append(each.name)
    except (OSError, ValueError):
        return [], []
    return files, folders


def _below(root: str, folder: str) -> Iterator[str]:
    """The files at any depth below a folder of the project, but in hidden ones, and in none twice."""
    waiting, seen = [folder], set[str]()
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(f"{root}/{folder}")
        if real in seen:
            continue
        seen.add(real)
        prefix = f"{folder}/" if folder else ""
        files, folders = _listed(real)
        yield from (f"{prefix}{each}" for each in files)
        waiting += [f"{prefix}{each}" for each in folders if not each.startswith(".")]


def _fixed(glob: str) -> str:
    """The folder that the parts without wildcards lead to."""
    above = glob.removeprefix("./").split("/")[:-1]
    magic = next((number for number, each in enumerate(above) if re.search(r"[*?\[]", each)), len(above))
    return "/".join(above[:magic])


def _pattern(glob: str) -> str:
    """A regular expression for the paths that a glob matches; wildcards stand for nothing hidden."""
    parts = glob.removeprefix("./").split("/")
    made = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            made += r"(?:[^/.][^/]*/)*" + (r"[^/.][^/]*" if last else "")
        else:
            made += ("" if part.startswith(".") else r"(?!\.)") + _part(part) + ("" if last else "/")
    return made


def _part(glob: str) -> str:
    pieces = re.split(r"(\*|\?|\[!?[^\]]+\])", glob)
    magic = {"*": "[^/]*", "?": "[^/]"}
    return "".join(
        magic.get(each) or (each.replace("[!", "[^", 1) if each.startswith("[") else re.escape(each)) for each in pieces
    )


def _excluded(glob: str) -> str:
    """The same for what is left out, with all that is below; without a `/`, at any depth."""
    name = glob.rstrip("/")
    return ("" if "/" in name else "(?:.*/)?") + _pattern(name) + "(?:/.*)?"


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sections(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The keys at the top with the keys below each, and what is written there."""
    found = list(_TOP.finditer(text))
    for number, each in enumerate(found):
        if each[1] is None:  # the line between two documents
            continue
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        in_braces = _FLOW.match(each[2]) is not None
        keys = _in_braces(text[each.start(2) : end]) if in_braces else _keys(text[each.end() : end])
        yield _unquoted(each[1]), keys


def _keys(body: str) -> dict[str, str]:
    """The keys of a mapping in lines, which all stand in one column."""
    first = _FIRST.search(body)
    if first is None:
        return {}
    found = list(_key_at(len(first[1]))(body))
    ends = (*(each.start() for each in found[1:]), len(body))
    return {_unquoted(each[1]): body[each.end() : end] for each, end in zip(found, ends, strict=False)}


@cache
def _key_at(column: int) -> Callable[[str], Iterator[re.Match[str]]]:
    return re.compile(rf"^ {{{column}}}({_NAME})[ \t]*:(?=[ \t\r]|$)", re.MULTILINE).finditer


def _in_braces(text: str) -> dict[str, str]:
    """The keys of a mapping in braces, which is all that stands in the text; as far as it is closed. What is written
    there is left aside."""
    keys, depth, start = list[str](), 0, 0
    for each in _TOKEN.finditer(text):
        sign = each[0]
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if depth == 0:
                break
        elif sign == ":" and depth == 1:
            keys.append(_unquoted(text[start : each.start()]))
        if depth == 1 and (sign in "{," or sign[0] == "#"):
            start = each.end()
    return {each: "" for each in keys if each}


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
