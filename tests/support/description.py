"""The published description of the API, as an independent judge of requests and responses.

The two documents are test data outside the repository: ``RETINUE_OPENAPI`` names their directory, else it is
``../shared/openapi`` next to the repository. Without them ``find_description`` gives None, tests that need it skip, and
the end of the run says how many were not judged (``tests/conftest.py``).
"""

from __future__ import annotations

import email.parser
import email.policy
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import jsonschema
from referencing import Registry
from referencing.jsonschema import DRAFT202012

VARIABLE = "RETINUE_OPENAPI"
USUAL = "../shared/openapi"
ABSENT = f"the published description is not here ({USUAL}, or the directory that {VARIABLE} names)"
NOT_JUDGED: set[str] = set()
"""The tests of this process that asked for the description and did not get it, by their ids."""

_NULL = {"type": "null"}
_DERIVED_STATUS = {201: 200}
"""The derived document knows no status but 200; the published reference answers a creation with 201."""

_WORDS = {"true": True, "false": False}
_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Allowance:
    """Where recorded traffic differs from the description, the traffic is right: this also may be."""

    name: str
    schema: str
    member: str
    also: Mapping[str, Any]

    @property
    def example(self) -> Any:
        """A value this allows."""
        return self.also.get("const", next(iter(self.also.get("enum", [None]))))


ALLOWANCES = (
    Allowance("a vector store without a name shows null", "VectorStoreObject", "name", _NULL),
    Allowance("a vector store that never expires shows null", "VectorStoreObject", "expires_after", _NULL),
    Allowance("a file that never expires shows null", "OpenAIFile", "expires_at", _NULL),
    Allowance("status_details of a file is null", "OpenAIFile", "status_details", _NULL),
    Allowance("the purpose evals can be sent, so it can be shown", "OpenAIFile", "purpose", {"const": "evals"}),
    Allowance(
        "uploads take the purposes of files, as the types of the SDK say",
        "CreateUploadRequest",
        "purpose",
        {"enum": ["user_data", "evals"]},
    ),
    Allowance(
        "the object of a file batch is vector_store.file_batch",
        "VectorStoreFileBatchObject",
        "object",
        {"const": "vector_store.file_batch"},
    ),
    Allowance("a response without a user shows null, as in its examples", "ModelResponseProperties", "user", _NULL),
    Allowance("a response without usage shows null, as in its examples", "Response", "usage", _NULL),
    *(
        Allowance(f"{member} of an empty {listed} is null", listed, member, _NULL)
        for listed in (
            "ListFilesResponse",
            "ListAssistantsResponse",
            "ListVectorStoresResponse",
            "ListVectorStoreFilesResponse",
            "ResponseItemList",
            "ConversationItemList",
            "ListMessagesResponse",
            "ListRunsResponse",
            "ListRunStepsResponse",
        )
        for member in ("first_id", "last_id")
    ),
)


@functools.cache
def read_documents() -> list[dict[str, Any]]:
    """The documents as they were published, none when they are not on this machine."""
    directory = Path(os.environ.get(VARIABLE, _REPOSITORY / USUAL))
    paths = [directory / "openapi.json", directory / "agents.json"]
    return [json.loads(path.read_text()) for path in paths if path.is_file()] if paths[0].is_file() else []


def find_description() -> Description | None:
    """The description with its allowances, or None when it is not on this machine: then who asked is noted."""
    found = _description()
    if found is None and "PYTEST_CURRENT_TEST" in os.environ:
        NOT_JUDGED.add(os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0])
    return found


@functools.cache
def _description() -> Description | None:
    return Description(read_documents()) if read_documents() else None


class Description:
    """Says what is wrong with a request or a response; an empty list means nothing is."""

    def __init__(self, documents: list[dict[str, Any]], allowances: Sequence[Allowance] = ALLOWANCES) -> None:
        registry: Registry[Any] = Registry()
        self._schemas: Mapping[str, Any] = {}
        self._operations: list[tuple[re.Pattern[str], str, dict[str, Any], str]] = []
        for number, original in enumerate(documents):
            document = _modern(original)
            _drop_path_parameters(document)
            _allow(document, allowances)
            uri = f"urn:description:{number}"
            self._schemas = self._schemas or document["components"]["schemas"]
            registry = registry.with_resource(uri, DRAFT202012.create_resource(document))
            self._operations += list(_operations(document, uri))
        # A literal segment wins over a parameter: /agents/automations is not an agent.
        self._operations.sort(key=lambda operation: operation[3].count("%7B"))
        self._registry = registry
        self._validators: dict[str, jsonschema.Draft202012Validator] = {}

    def check_request(self, method: str, path: str, body: Any = None) -> list[str]:
        """``path`` begins after ``/v1`` and may have a query; ``body`` is JSON, or the members of a form."""
        path, _, query = path.partition("?")
        found = self._find(method, path)
        if found is None:
            return [f"{method} {path}: not described"]
        operation, uri = found
        problems = [f"{method} {path}: {each}" for each in _query_problems(operation, query)]
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            return problems if body in (None, {}) else [*problems, f"{method} {path}: takes no body, got {body!r}"]
        if body is None:
            body = {}
        media = "application/json" if "application/json" in content else next(iter(content))
        pointer = f"{uri}/requestBody/content/{_escape(media)}/schema"
        return problems + [f"{method} {path}: request {each}" for each in self._problems(pointer, body)]

    def check_response(self, method: str, path: str, status: int, body: Any) -> list[str]:
        path = path.partition("?")[0]
        if status >= 400:
            pointer = "urn:description:0#/components/schemas/ErrorResponse"
        else:
            found = self._find(method, path)
            if found is None:
                return [f"{method} {path}: not described"]
            operation, uri = found
            status = _DERIVED_STATUS.get(status, status) if _is_derived(operation) else status
            if operation["responses"].get(str(status), {"content": None}).get("content", {}) == {}:
                return []  # described, but not what it says
            if "application/json" not in operation["responses"].get(str(status), {}).get("content", {}):
                return [f"{method} {path}: status {status} is not described"]
            pointer = f"{uri}/responses/{status}/content/application~1json/schema"
        return [f"{method} {path}: response {status} {each}" for each in self._problems(pointer, body)]

    def check_events(self, method: str, path: str, stream: str) -> list[str]:
        """``stream`` is the text of server-sent events, each of them JSON. A stream that is not described is fine."""
        found = self._find(method, path.partition("?")[0])
        operation, uri = found if found else ({}, "")
        if "text/event-stream" not in operation.get("responses", {}).get("200", {}).get("content", {}):
            return []
        pointer = f"{uri}/responses/200/content/text~1event-stream/schema"
        events = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: ")]
        return [f"{method} {path}: event {event} {each}" for event in events for each in self._problems(pointer, event)]

    def check_member(self, schema: str, member: str, value: Any) -> list[str]:
        """What is wrong with one member of a named schema of the official document."""
        part = _part_with(self._schemas[schema], member)
        return list(self._problems(f"urn:description:0#/components/schemas/{schema}{part}/properties/{member}", value))

    def check_object(self, schema: str, value: Any) -> list[str]:
        """What is wrong with an object by a named schema of the official document."""
        return list(self._problems(f"urn:description:0#/components/schemas/{schema}", value))

    def describes(self, method: str, path: str) -> bool:
        return self._find(method, path.partition("?")[0]) is not None

    def _find(self, method: str, path: str) -> tuple[dict[str, Any], str] | None:
        for pattern, verb, operation, uri in self._operations:
            if verb == method.lower() and pattern.fullmatch(path):
                return operation, uri
        return None

    def _problems(self, pointer: str, value: Any) -> Iterator[str]:
        if pointer not in self._validators:
            self._validators[pointer] = jsonschema.Draft202012Validator({"$ref": pointer}, registry=self._registry)
        for error in self._validators[pointer].iter_errors(value):
            deepest = jsonschema.exceptions.best_match([error]) or error
            yield f"{deepest.json_path}: {deepest.message}"


@dataclass
class CheckedTransport(httpx2.BaseTransport):
    """Passes exchanges on and notes what the description says is wrong with them.

    Problems are collected, not raised: an exception would look like a broken connection to the SDK, which would try
    again. ``check`` raises. A request that was refused (4xx, 5xx) is not held against its sender.
    """

    inner: httpx2.BaseTransport
    description: Description
    problems: list[str] = field(default_factory=list)
    exchanges: int = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        response = self.inner.handle_request(request)
        response.read()
        self.exchanges += 1
        path = request.url.raw_path.decode().removeprefix("/v1")
        if response.status_code < 400:
            self.problems += self.description.check_request(request.method, path, request_body(request))
        if response.headers.get("content-type", "").startswith("application/json"):
            answer = json.loads(response.content)
            self.problems += self.description.check_response(request.method, path, response.status_code, answer)
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            self.problems += self.description.check_events(request.method, path, response.text)
        return response

    def check(self) -> None:
        """Raise AssertionError with every problem so far."""
        assert not self.problems, "\n".join(self.problems)

    def close(self) -> None:
        self.inner.close()


def _modern(value: Any, anchor: str = "#") -> Any:
    """In today's dialect: ``anyOf`` for overlapping ``oneOf``, null as a type, ``$ref`` for ``$recursiveRef``."""
    if isinstance(value, list):
        return [_modern(each, anchor) for each in value]
    if not isinstance(value, dict):
        return value
    if "schemas" in value.get("components", {}):
        schemas = value["components"]["schemas"]
        named = {name: _modern(each, f"#/components/schemas/{name}") for name, each in schemas.items()}
        rest = {key: _modern(each) for key, each in value.items() if key != "components"}
        return {**rest, "components": {**value["components"], "schemas": named}}
    if value.get("$recursiveRef") == "#":
        return {"$ref": anchor}
    parts = value.get("allOf", [])
    is_nullable = value.get("nullable") is True or any(
        isinstance(each, dict) and each.get("nullable") for each in parts
    )
    renamed = {
        "anyOf" if key == "oneOf" else key: _modern(each, anchor)
        for key, each in value.items()
        if key not in ("nullable", "discriminator", "$recursiveAnchor")
    }
    return {"anyOf": [renamed, _NULL]} if is_nullable else renamed


def _part_with(schema: Mapping[str, Any], member: str) -> str:
    """Where in a schema the member is described: in itself, or in one of its parts."""
    parts = enumerate(schema.get("allOf", ()))
    found = (f"/allOf/{number}" for number, part in parts if member in part.get("properties", {}))
    return next(found, "")


def _allow(document: dict[str, Any], allowances: Sequence[Allowance]) -> None:
    schemas = document["components"]["schemas"]
    for allowance in allowances:
        if allowance.schema in schemas:
            schema = schemas[allowance.schema]
            part = _part_with(schema, allowance.member).rpartition("/")[2]
            members = (schema["allOf"][int(part)] if part else schema)["properties"]
            members[allowance.member] = {"anyOf": [members[allowance.member], dict(allowance.also)]}


def _is_derived(operation: Mapping[str, Any]) -> bool:
    return str(operation.get("operationId", "")).startswith("sdk_")


def _drop_path_parameters(document: dict[str, Any]) -> None:
    """The types of the SDK that a body was derived from may have a parameter of the path among the members."""
    for path, verbs in document["paths"].items():
        for operation in verbs.values():
            if not isinstance(operation, dict) or not _is_derived(operation):
                continue
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            body = document["components"]["schemas"].get(name, {})
            for parameter in re.findall(r"\{(\w+)\}", path):
                body.get("properties", {}).pop(parameter, None)
                if "required" in body:
                    body["required"] = [each for each in body["required"] if each != parameter]


def _operations(document: dict[str, Any], uri: str) -> Iterator[tuple[re.Pattern[str], str, dict[str, Any], str]]:
    for path, verbs in document["paths"].items():
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        for verb, operation in verbs.items():
            if isinstance(operation, dict) and "responses" in operation:
                yield pattern, verb, operation, f"{uri}#/paths/{_escape(path)}/{verb}"


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _query_problems(operation: dict[str, Any], query: str) -> Iterator[str]:
    described = {
        each["name"].removesuffix("[]"): each for each in operation.get("parameters", []) if each["in"] == "query"
    }
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.partition("[")[0] not in described:
            yield f"query parameter '{name}' is not described"
        elif described[name.partition("[")[0]]["schema"].get("type") == "integer" and not value.lstrip("-").isdigit():
            yield f"query parameter '{name}' is not an integer: {value!r}"


def request_body(request: httpx2.Request) -> Any:
    content_type = request.headers.get("content-type", "")
    if not request.content:
        return None
    if content_type.startswith("application/json"):
        return json.loads(request.content)
    if not content_type.startswith("multipart/form-data"):
        return request.content.decode(errors="replace")
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.content)
    members: dict[str, Any] = {}
    for part in message.iter_parts():
        name, _, inner = str(part.get_param("name", header="content-disposition")).partition("[")
        text = "" if part.get_filename() is not None else part.get_content().strip()
        if inner == "]":
            members.setdefault(name, []).append(text)
        elif inner:
            members.setdefault(name, {})[inner.rstrip("]")] = int(text) if text.isdigit() else text
        else:
            members[name] = _WORDS.get(text, text)
    return members
