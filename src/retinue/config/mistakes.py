"""Where everything that reads files puts what it finds wrong, so that all of it is reported at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from retinue.model.declared import Diagnostic, Places, Position, Problem


class Mistakes:
    """A growing list of diagnostics."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def error(
        self,
        code: str,
        message: str,
        position: Position | None,
        hint: str | None = None,
        *,
        related: tuple[tuple[str, Position], ...] = (),
    ) -> None:
        self.diagnostics.append(Diagnostic("error", code, message, position, hint, related=related))

    def warning(self, code: str, message: str, position: Position | None, hint: str | None = None) -> None:
        self.diagnostics.append(Diagnostic("warning", code, message, position, hint))

    def place(self, problems: Iterable[Problem], places: Places) -> None:
        """Report what pure code found, at the place the author wrote it."""
        for each in problems:
            position = places.at(each.path, key=each.key)
            self.diagnostics.append(Diagnostic(each.severity, each.code, each.message, position, each.hint))


class Refused(Exception):  # noqa: N818 - named for what happened to a request
    """Something an author asks for cannot be had. Whoever knows the place reports it."""

    def __init__(
        self, code: str, message: str, hint: str | None = None, *, related: tuple[tuple[str, Position], ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.related = related


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str | None = None) -> str | None:
    """A hint naming the known word that was probably meant; `otherwise` when none is near."""
    close = near(word, known)
    return f"did you mean '{close[0]}'?" if close else otherwise


def near(word: str, known: Iterable[str], *, cutoff: float = 0.7) -> list[str]:
    """The known words that are like this one, the nearest first; upper and lower case are alike."""
    by_folded = {each.casefold(): each for each in reversed(list(known))}
    return [by_folded[each] for each in difflib.get_close_matches(word.casefold(), by_folded, cutoff=cutoff)]


def listed(words: Iterable[str], *, most: int = 8, conjunction: str | None = None) -> str:
    """The words in quotes: `'a', 'b' or 'c'`."""
    quoted = [f"'{each}'" for each in words]
    if len(quoted) > most:
        return ", ".join(quoted[:most]) + ", …"
    if conjunction and len(quoted) > 1:
        return f"{', '.join(quoted[:-1])} {conjunction} {quoted[-1]}"
    return ", ".join(quoted)
