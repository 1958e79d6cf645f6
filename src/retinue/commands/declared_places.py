"""Where the files of a project declare what, for whoever looks at the account and not at the files."""

from __future__ import annotations

from dataclasses import replace

from retinue.session import Where, load_from


def declared_places(where: Where) -> dict[str, dict[str, str]]:
    """By stack and address, the file and line of each declaration, in whatever environments there are.

    Mistakes do not matter: what can be read is told. No variable, secret or content is in it.
    """
    where = replace(where, offline=True)
    outline = load_from(where, strict=False).outline
    places: dict[str, dict[str, str]] = {}
    for environment in (None, *(outline.environments if outline else ())):
        loaded = load_from(replace(where, environment=environment), strict=False)
        if loaded.outline and loaded.outline.chosen:
            found = {str(each.address): str(each.places.at(())) for each in loaded.declarations}
            places.setdefault(loaded.outline.chosen, {}).update(found)
    return places
