"""Models: what the account says of those that declarations name, and what is worth a warning. Knows no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retinue.model.declared import MOST_GUESSES, Diagnostic, Position
from retinue.model.slips import near
from retinue.model.values import Address
from retinue.planning.documents.account_types import ModelDocument

SOON = 30
"""From so many days before a shutdown, moving is urgent rather than something to plan."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the account lists it. `shutdown` is None where the account names no date, which may mean no end or
    that the server does not say."""

    id: str
    owner: str | None = None
    shutdown: date | None = None

    def days_left(self, today: date) -> int | None:
        """Days until it shuts down; negative once it has."""
        return (self.shutdown - today).days if self.shutdown else None


@dataclass(frozen=True, slots=True)
class Use:
    """One declaration that names a model, and where."""

    address: Address
    position: Position


@dataclass(frozen=True, slots=True)
class Standing:
    """A model that the account lists, that declarations use, or both. `listed` is None when the account lists none."""

    model: Model
    listed: bool | None
    uses: tuple[Use, ...] = ()


def read_model(raw: Mapping[str, Any]) -> Model:
    """One entry of the API's list. A date that is missing or not one is unknown (compatible servers have none)."""
    owner = raw.get("owned_by")
    return Model(str(raw["id"]), owner if isinstance(owner, str) and owner else None, _date(raw.get("shutdown_date")))


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def standings(models: Iterable[Model] | None, used: Mapping[str, tuple[Use, ...]], today: date) -> tuple[Standing, ...]:
    """All models, the most pressing first: used but not listed, used by time left, then what else there is to choose,
    beginning with what has no end. `models` is None when the account does not list any."""
    known = {each.id: each for each in models or ()}
    mine = [
        Standing(known.get(name, Model(name)), name in known if known else None, uses) for name, uses in used.items()
    ]
    others = [Standing(each, listed=True) for name, each in known.items() if name not in used]

    def left(each: Standing) -> float:
        days = each.model.days_left(today)
        return float("inf") if days is None else days

    mine.sort(key=lambda each: (each.listed is not False, left(each), each.model.id))
    others.sort(key=lambda each: (-left(each), each.model.id))
    return (*mine, *others)


def model_warnings(known: Iterable[Standing], today: date) -> tuple[Diagnostic, ...]:
    """One warning for each used model that the account does not list, that has shut down, or that will.

    None where the account does not say which models there are.
    """
    known = tuple(known)
    names = [each.model.id for each in known if each.listed]
    return tuple(_warnings((each for each in known if each.uses and each.listed is not None), names, today))


def _warnings(used: Iterable[Standing], names: Sequence[str], today: date) -> Iterator[Diagnostic]:
    guesses = MOST_GUESSES
    for each in used:
        model, by, place = each.model, _by(each.uses), each.uses[0].position
        days = model.days_left(today)
        details = standing_document(each, today)
        if not each.listed:
            guesses -= 1
            close = near(model.id, names) if guesses >= 0 else []
            yield Diagnostic(
                "warning",
                "unknown-model",
                f"the account does not list the model {model.id}; {by}",
                place,
                f"did you mean {close[0]}?" if close else "'retinue models' lists what the account offers",
                details=details,
            )
        elif model.shutdown and days is not None and days < 0:
            yield Diagnostic(
                "warning",
                "model-gone",
                f"{model.id} shut down on {model.shutdown}, {_days(-days)} ago; {by}",
                place,
                "choose another: 'retinue models' lists what the account offers",
                details=details,
            )
        elif model.shutdown and days is not None:
            hint = "choose another now" if days <= SOON else "choose another in time"
            yield Diagnostic(
                "warning",
                "model-shutdown",
                f"{model.id} shuts down on {model.shutdown}, {when(days)}; {by}",
                place,
                f"{hint}: 'retinue models' lists what the account offers",
                details=details,
            )


def when(days: int) -> str:
    """`in 53 days`, `today`, `3 days ago`."""
    if days == 0:
        return "today"
    return f"in {_days(days)}" if days > 0 else f"{_days(-days)} ago"


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _by(uses: tuple[Use, ...]) -> str:
    """The first place in words; the others are in the details, since there may be a thousand."""
    first, more = uses[0], len(uses) - 1
    return f"used by {first.address}" + (f" and {more} more" if more else "")


def standing_document(each: Standing, today: date) -> ModelDocument:
    """What is known of one model as plain JSON data: a row of `retinue models`, the details of a warning."""
    return {
        "model": each.model.id,
        "listed": each.listed,
        "owned_by": each.model.owner,
        "shutdown_date": str(each.model.shutdown) if each.model.shutdown else None,
        "days_left": each.model.days_left(today),
        "used_by": [
            {"address": str(use.address), "file": use.position.file, "line": use.position.line} for use in each.uses
        ],
    }
