"""What `retinue doctor` found, for people: a line for each thing, what is wrong at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retinue.model.declared import HOW_CHOSEN
from retinue.report.text.ink import BLANK, Line, Part, Role, line, paint

_WIDTH = 21  # "environment templates"
_ABREAST = 3
_CLOCKS_AGREE = 2
_STATES: dict[str, tuple[str, Role]] = {
    "answers": ("answers", "added"),
    "not-served": ("not served", "faint"),
    "missing-scope": ("not shown to this key", "warning"),
    "refused": ("refuses the key", "error"),
    "unreachable": ("no answer", "error"),
    "error": ("answers with an error", "error"),
}


def render_checkup(document: Mapping[str, Any], terminal: Mapping[str, Any], *, color: bool = False) -> str:
    """The document of `checkup.examine`, and what the terminal is like."""
    lines = [
        *_section("Versions", _versions(document["versions"])),
        *_section("Project", _project(document["project"])),
        *_section("Account", _account(document["account"], document["models"])),
        *_section("Network", _network(document["network"])),
        *_section("Collections", _collections(document["collections"])),
        *_section("Cache", _cache(document["cache"])),
        *_section("Terminal", [_row("output", _terminal(terminal))]),
    ]
    problems = document["problems"]
    lines += [line(("problem: ", "error"), each) for each in problems] or [line(("Ready to use.", "added"))]
    return paint(lines, color=color)


def _section(title: str, rows: Sequence[Line] | Iterator[Line]) -> list[Line]:
    found = list(rows)
    return [line((title, "strong")), *found, BLANK] if found else []


def _row(name: str, *parts: Part) -> Line:
    return line(f"  {name:<{_WIDTH}}  ", *parts)


def _versions(versions: Mapping[str, str]) -> Iterator[Line]:
    first = ("retinue", "python", "system")
    for name in first:
        yield _row(name, versions[name])
    libraries = [f"{name} {version}" for name, version in versions.items() if name not in first]
    for start in range(0, len(libraries), _ABREAST):
        yield _row(
            "" if start else "libraries",
            ", ".join(libraries[start : start + _ABREAST]) + ("," if libraries[start + _ABREAST :] else ""),
        )


def _project(project: Mapping[str, Any] | None) -> Iterator[Line]:
    if project is None:
        yield _row("retinue.yaml", ("none here", "warning"))
        return
    if project["root"]:
        yield _row("directory", project["root"])
        yield _row("stack", project["stack"])
    how = HOW_CHOSEN.get(project.get("environment_from", ""), "")
    chosen = f"{project['environment']}{how}" if project["environment"] else "none chosen"
    known = f", of {', '.join(project['environments'])}" if project["environments"] else ""
    yield _row("environment", f"{chosen}{known}")
    if project["errors"]:
        yield _row("declarations", (_count(project["errors"], "error"), "error"))
    else:
        warnings = f", {_count(project['warnings'], 'warning')}" if project["warnings"] else ""
        yield _row("declarations", f"{_count(project['declared'], 'object')} declared{warnings}")


def _account(account: Mapping[str, Any] | None, models: Mapping[str, Any] | None) -> Iterator[Line]:
    if account is None:
        return
    if account["name"]:
        yield _row("account", f"{account['name']}{', ' + account['url'] if account['url'] else ''}")
    yield _row("key", *_key(account["key"]))
    for name in ("organization", "project"):
        said, meant = account[name], account["configured"][name]
        if said or meant:
            yield _row(name, said or "not named by the account", (f", configured: {meant}" if meant else "", "faint"))
    if account["variables"]:
        yield _row("variables", f"{', '.join(account['variables'])} set")
    if account["clock_offset"] is not None:
        yield _row("clock", *_clock(account["clock_offset"]))
    if models is not None:
        listed = models["listed"]
        yield _row("models", "not listed" if listed is None else f"{listed} listed")


def _network(network: Mapping[str, Any] | None) -> Iterator[Line]:
    if network is None:
        return
    for name, address in network["proxies"].items():
        yield _row("proxy", f"{address}, from {name}")
    for name, hosts in network["exempt"].items():
        yield _row("without a proxy", f"{hosts}, from {name}")
    if not network["proxies"]:
        yield _row("proxy", "none")
    for name, path in network["certificates"].items():
        yield _row("certificates", f"{path}, from {name}")
    for name in network["ignored"]:
        yield _row("certificates", (f"{name} is set, and not read beside those", "faint"))
    if not network["certificates"]:
        yield _row("certificates", "those of the system")
    for fault in network["faults"]:
        yield _row("fault", (fault, "error"))


def _key(key: Mapping[str, Any]) -> list[Part]:
    if key["source"] == "none":
        return ["none needed"]
    if key["source"] == "workload_identity":
        return [f"workload identity, token from {key['name']}"]
    return [f"from {key['name']}, which is ", ("set", "added") if key["set"] else ("not set", "error")]


def _clock(offset: int) -> list[Part]:
    if abs(offset) <= _CLOCKS_AGREE:
        return ["as the account's"]
    return [(f"{abs(offset)} s {'behind' if offset > 0 else 'ahead of'} the account's", "warning")]


def _collections(collections: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for each in collections:
        words, role = _STATES[each["state"]]
        if each["needed"] and each["state"] != "answers":
            role = "error"
        details = [str(each["status"])] if each["status"] and each["state"] != "answers" else []
        details += [each["code"]] if each["code"] else []
        details += [f"lacks {', '.join(each['scopes'])}"] if each["scopes"] else []
        details += ["declared here"] if each["needed"] else []
        more: list[Part] = [(f" ({', '.join(details)})", "faint")] if details else []
        yield _row(each["name"].replace("_", " "), (words, role), *more)


def _cache(cache: Mapping[str, Any] | None) -> Iterator[Line]:
    if cache is None:
        return
    yield _row("directory", f"{cache['directory']}, {_size(cache['bytes'])}")
    if cache["ids"] is not None:
        under_way = cache["uploads_under_way"]
        yield _row("remembers", f"{_count(cache['ids'], 'id')}, {_count(under_way, 'upload')} under way")


def _terminal(terminal: Mapping[str, Any]) -> str:
    color = "colour" if terminal["color"] else "no colour"
    asks = "a person can be asked" if terminal["interactive"] else "nobody can be asked"
    settings = "".join(f", {name} set" for name in terminal["variables"])
    return f"{terminal['width']} columns, {color}, {asks}{settings}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _size(size: int) -> str:
    for unit, limit in (("bytes", 1024), ("KiB", 1024**2), ("MiB", 1024**3)):
        if size < limit:
            return f"{size} bytes" if unit == "bytes" else f"{size * 1024 / limit:.1f} {unit}"
    return f"{size / 1024**3:.1f} GiB"
