"""The types of the SDK as a judge of requests and responses, beside the published description (description.py).

Which types belong to an endpoint is read out of the SDK's own methods, so that no table here can be wrong.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import keyword
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import httpx2
import openai.resources
import pydantic

from tests.support.description import request_body

_METHODS = {"_post": "POST", "_get": "GET", "_delete": "DELETE", "_get_api_list": "GET"}


@dataclass(frozen=True)
class Endpoint:
    """One method of the SDK: what it sends and what it gets. `params` is None where it sends no body."""

    method: str
    path: re.Pattern[str]
    literal: int
    params: Any
    answer: Any
    listed: bool
    beta: str | None

    def in_path(self, path: str) -> dict[str, str]:
        """What of a path the SDK takes as a parameter beside the body."""
        found = self.path.fullmatch(path)
        named = found.groupdict() if found else {}
        return {name: value for name, value in named.items() if name in getattr(self.params, "__annotations__", {})}


@functools.cache
def endpoints() -> tuple[Endpoint, ...]:
    """Every endpoint of the SDK; of several for one path, the one with the fewest parameters in it comes first."""
    found: list[Endpoint] = []
    for each in pkgutil.walk_packages(openai.resources.__path__, "openai.resources."):
        module = importlib.import_module(each.name)
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "SyncAPIResource" for base in node.bases):
                found += _endpoints(node, module)
    return tuple(sorted(found, key=lambda each: each.literal, reverse=True))


def _endpoints(of: ast.ClassDef, module: ModuleType) -> Iterator[Endpoint]:
    for function in (each for each in of.body if isinstance(each, ast.FunctionDef)):
        beta = re.search(r"'OpenAI-Beta': '([^']+)'", ast.unparse(function))
        for call in (each for each in ast.walk(function) if isinstance(each, ast.Call)):
            method = _METHODS.get(call.func.attr) if isinstance(call.func, ast.Attribute) else None
            path = _path(call.args[0]) if method and call.args else None
            if method is None or path is None:
                continue
            words = {each.arg: each.value for each in call.keywords}
            answer = words.get("model", words.get("cast_to"))
            pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))
            yield Endpoint(
                method,
                pattern,
                len(re.sub(r"\{\w+\}", "", path)),
                _type(_params(words.get("body")), module),
                _type(answer, module),
                "model" in words,
                beta[1] if beta else None,
            )


def _path(node: ast.expr) -> str | None:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "path_template":
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _params(body: ast.expr | None) -> ast.expr | None:
    return body.args[1] if isinstance(body, ast.Call) and ast.unparse(body.func) == "maybe_transform" else None


def _type(node: ast.expr | None, module: ModuleType) -> Any:
    try:
        return eval(ast.unparse(node), vars(module)) if node is not None else None
    except (NameError, AttributeError):  # named in the method only
        return None


def find(method: str, path: str) -> Endpoint | None:
    return next((each for each in endpoints() if each.method == method and each.path.fullmatch(path)), None)


# ── judging ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def problems(found: Any, judged: Any, value: Any) -> list[str]:
    """What is wrong with JSON data by one of the SDK's types; `judged` says what it is."""
    if found is None:
        return []
    try:
        taken = _settled(_adapter(found).validate_json(json.dumps(value), strict=True))
    except pydantic.ValidationError as error:
        return [f"{judged}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5]]
    return [f"{judged}: '{path}' is not known" for path in _lost(value, taken)]


def _spelled(value: Any) -> Any:
    """What is sent, with the names that Python does not allow as the SDK spells them: `async_`."""
    if isinstance(value, dict):
        return {f"{key}_" if keyword.iskeyword(key) else key: _spelled(each) for key, each in value.items()}
    return [_spelled(each) for each in value] if isinstance(value, list) else value


@functools.cache
def _adapter(found: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(found)


def _settled(value: Any) -> Any:
    """The value with everything checked: what may be any iterable is checked when it is looked at."""
    if isinstance(value, pydantic.BaseModel):
        known = {each.alias or name for name, each in type(value).model_fields.items()}
        shown = value.model_dump(by_alias=True, exclude_unset=True, exclude=set(value.model_extra or ()))
        return {key: each for key, each in shown.items() if key in known}
    if isinstance(value, Mapping):
        return {key: _settled(each) for key, each in value.items()}
    return [_settled(each) for each in value] if hasattr(value, "__iter__") and not isinstance(value, str) else value


def _lost(value: Any, taken: Any, path: str = "") -> Iterator[str]:
    """The paths that the type knows nothing of, and so dropped."""
    if isinstance(value, dict) and isinstance(taken, dict):
        for key, each in value.items():
            if key not in taken:
                yield f"{path}{key}"
            else:
                yield from _lost(each, taken[key], f"{path}{key}.")
    elif isinstance(value, list) and isinstance(taken, list):
        for index, each in enumerate(value):
            yield from _lost(each, taken[index], f"{path}{index}.")


@dataclass
class TypedTransport(httpx2.BaseTransport):
    """Passes exchanges on and notes what the SDK's types say is wrong with them. `seen` are those that were judged.

    `recorded` are problems by the path that they stand under: what the service was recorded to answer otherwise than
    the types say, and so allowed.
    """

    inner: httpx2.BaseTransport
    recorded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        endpoints()  # read before there are threads: Python 3.11's ast counts its recursion for all of them together

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        response = self.inner.handle_request(request)
        response.read()
        path = request.url.path.removeprefix("/v1")
        said = f"{request.method} {path}"
        endpoint = find(request.method, path)
        if endpoint is None:
            self.problems.append(f"{said}: the SDK has no such method")
        elif response.status_code < 400:
            self.seen.append(said)
            self.problems += filter(self._is_news, self._judged(endpoint, said, path, request, response))
        return response

    def _judged(
        self, endpoint: Endpoint, said: str, path: str, request: httpx2.Request, response: httpx2.Response
    ) -> Iterator[str]:
        if endpoint.beta and request.headers.get("openai-beta") != endpoint.beta:
            yield f"{said}: the header OpenAI-Beta is not {endpoint.beta}"
        body = request_body(request)
        if body is not None and not request.headers["content-type"].startswith("multipart/"):
            yield from problems(endpoint.params, f"{said}: request", {**endpoint.in_path(path), **_spelled(body)})
            if endpoint.params is None:
                yield f"{said}: the SDK sends no body"
        if response.headers.get("content-type", "").startswith("application/json"):
            answer = response.json()
            for each in answer["data"] if endpoint.listed else [answer]:
                yield from problems(endpoint.answer, f"{said}: response", each)

    def close(self) -> None:
        self.inner.close()

    def _is_news(self, problem: str) -> bool:
        return not any(
            path in problem and problem.endswith(known) for path, each in self.recorded.items() for known in each
        )
