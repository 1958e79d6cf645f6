"""What a project file or a command line says of models → the models. Nothing is sent, and no key is read yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinue.emulator.embeddings.bundled_embeddings import BundledEmbeddings
from retinue.emulator.embeddings.embedder import Embedder
from retinue.emulator.embeddings.remote_embeddings import RemoteEmbeddings
from retinue.emulator.language_models.bundled_model import BundledModel
from retinue.emulator.language_models.language_model import LanguageModel
from retinue.emulator.language_models.remote_model import ANY, RemoteModel
from retinue.emulator.model_endpoints.remote_endpoint import EndpointError, Key, RemoteEndpoint, Timeouts

APIS = ("chat", "responses")


@dataclass(frozen=True, slots=True)
class Models:
    """None where nothing is configured: then the rehearsal model answers, and the search is by words."""

    language_model: LanguageModel | None = None
    embedder: Embedder | None = None

    def told(self) -> list[str]:
        """What answers, for who starts the account; a line each."""
        lines = ["answers come from the rehearsal model, which understands nothing"]
        if isinstance(model := self.language_model, RemoteModel):
            names = ", ".join(name if to == name else f"{to} for {_any(name)}" for name, to in model.names.items())
            lines = [f"answers come from {model.endpoint.url}" + (f" ({names})" if names else "")]
        if isinstance(model, BundledModel):
            lines = [f"answers come from {model.file.stem} in this process: real tokens, little sense"]
        if isinstance(self.embedder, BundledEmbeddings):
            lines.append(f"search is by meaning, with {self.embedder.name} in this process")
        if isinstance(embedder := self.embedder, RemoteEmbeddings):
            lines.append(f"search is by meaning, with {embedder.model} at {embedder.endpoint.url}")
        return lines

    def check_keys(self) -> None:
        """Raises ValueError when a key is to be sent and there is none."""
        for each in (self.language_model, self.embedder):
            endpoint = getattr(each, "endpoint", None)
            if isinstance(endpoint, RemoteEndpoint):
                try:
                    endpoint.check_key()
                except EndpointError as error:
                    raise ValueError(f"{endpoint.url} {error}") from error


def read_models(setting: Any, environ: Mapping[str, str], *, root: Path = Path()) -> Models:
    """The models of an account, as the project file in ``root`` has it. Raises ValueError for what is none."""
    model = setting.get("model") if isinstance(setting, Mapping) else None
    embeddings = setting.get("embeddings") if isinstance(setting, Mapping) else None
    return Models(
        None if model is None else _named("model", model, lambda told: _language_model(told, environ, root)),
        None if embeddings is None else _named("embeddings", embeddings, lambda told: _embedder(told, environ)),
    )


def _named(name: str, setting: Any, read: Callable[[Mapping[str, Any]], Any]) -> Any:
    try:
        return read(dict(setting))
    except (ValueError, TypeError) as error:
        raise ValueError(f"'{name}' of the account is wrong: {error}") from error


def _language_model(setting: Mapping[str, Any], environ: Mapping[str, str], root: Path) -> LanguageModel:
    if setting.get("bundled") or setting.get("file"):
        if setting.get("base_url"):
            raise ValueError("it has a 'base_url', and is to be in this process")
        return BundledModel(root / str(setting["file"]) if setting.get("file") else None)
    api = setting.get("api", APIS[0])
    if api not in APIS:
        raise ValueError(f"'api' is {api!r}, not one of: {', '.join(APIS)}")
    names = {str(name): str(to) for name, to in (setting.get("names") or {}).items()}
    return RemoteModel(_endpoint(setting, environ), names, api, setting.get("context_window"))


def _embedder(setting: Mapping[str, Any], environ: Mapping[str, str]) -> Embedder:
    if setting.get("bundled"):
        if setting.get("base_url"):
            raise ValueError("it has a 'base_url', and is to be in this process")
        return BundledEmbeddings()
    if not setting.get("model"):
        raise ValueError("'model' is missing")
    prefixes = {name: str(setting[name]) for name in ("query_prefix", "text_prefix") if setting.get(name)}
    return RemoteEmbeddings(_endpoint(setting, environ), str(setting["model"]), **prefixes)


def _endpoint(setting: Mapping[str, Any], environ: Mapping[str, str]) -> RemoteEndpoint:
    variable = setting.get("api_key_env")
    times = setting.get("timeouts") or {}
    try:
        return RemoteEndpoint(
            str(setting.get("base_url") or ""),
            key=Key(str(variable), environ) if variable else None,
            timeouts=Timeouts(
                **{ours: float(times[name]) for name, ours in _TIMES.items() if times.get(name) is not None}
            ),
        )
    except ValueError as error:
        raise ValueError(f"'base_url' cannot be used: {error}") from error


_TIMES = {"connect": "connect", "first_token": "first", "between_tokens": "between"}


def _any(name: str) -> str:
    return "every model" if name == ANY else name
