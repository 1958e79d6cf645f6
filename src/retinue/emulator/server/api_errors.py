"""Every error the account answers with, in the API's words and shape. Nothing here knows HTTP beyond a status code.

The body is ``{"error": {"message", "type", "param", "code"}}``, all four keys always present (schema ``Error`` of the
published description). Wordings marked *recorded* come from recorded traffic, the others from bodies users published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class ApiError(Exception):
    """A refusal: the status, the four members of the body, and headers that go with it."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    detail: bool = False
    """Repeat message and code next to ``error``, as ``POST /files`` was recorded to do."""
    keeps_writes: bool = False
    """What the handler wrote before refusing stays (a quirk that counts how often it was hit)."""

    def body(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        }
        if self.detail:
            shown["detail"] = {"message": self.message, "code": self.code}
        return shown


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(400, message, param=param, code=code)


def missing_parameter(param: str) -> ApiError:
    return invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def unknown_parameter(param: str) -> ApiError:
    return invalid(f"Unknown parameter: '{param}'.", param, "unknown_parameter")


def wrong_type(param: str, expected: str, value: object) -> ApiError:
    return invalid(
        f"Invalid type for '{param}': expected {expected}, but got {_named_type(value)} instead.", param, "invalid_type"
    )


def unsupported_value(param: str, value: object, supported: Sequence[str]) -> ApiError:
    quoted = [f"'{each}'" for each in supported]
    listed = quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" and {quoted[-1]}"
    return invalid(f"Invalid value: '{value}'. Supported values are: {listed}.", param, "invalid_value")


def not_found(noun: str, object_id: str, param: str | None = None) -> ApiError:
    return ApiError(404, f"No {noun} found with id '{object_id}'.", param=param)


def no_such_file(file_id: str, param: str = "id") -> ApiError:
    """Recorded for ``/files/{id}`` and ``/files/{id}/content``; used wherever a file that does not exist is named."""
    return ApiError(404, f"No such File object: {file_id}", param=param)


def wrong_prefix(param: str, object_id: str, prefix: str) -> ApiError:
    return invalid(
        f"Invalid '{param}': '{object_id}'. Expected an ID that begins with '{prefix}'.", param, "invalid_value"
    )


def invalid_url(method: str, path: str) -> ApiError:
    return ApiError(404, f"Invalid URL ({method} {path})")


def method_not_allowed(method: str, path: str, allowed: Sequence[str]) -> ApiError:
    return ApiError(
        405,
        f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)",
        code="method_not_supported",
        headers={"allow": ", ".join(allowed)},
    )


def unparsable_json() -> ApiError:
    return invalid(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
        "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
    )


def too_deep(levels: int) -> ApiError:
    return invalid(f"We could not parse the JSON body of your request. It is nested more than {levels} levels deep.")


def unsupported_content_type(given: str) -> ApiError:
    """Published (openai/openai-openapi issue 502), for a body whose header says that it is something else."""
    return ApiError(
        400,
        f"Unsupported content type: '{given}'. This API method only accepts 'application/json' requests, but you "
        f"specified the header 'Content-Type: {given}'. Please try again with a supported content type.",
        code="unsupported_content_type",
    )


def body_too_large(maximum: int) -> ApiError:
    return ApiError(413, f"The request is too large: the maximum is {maximum} bytes.")


def foreign_host(host: str) -> ApiError:
    """Only a served local account refuses so."""
    return ApiError(
        403,
        f"This account does not answer for the host '{host[:255]}'. (HINT: Use a loopback address, or serve it with "
        "--allow-host.)",
        code="host_not_allowed",
    )


def foreign_origin() -> ApiError:
    """Only a served local account refuses so."""
    return ApiError(
        403,
        "This account does not answer pages of another origin. (HINT: Let a program of yours send the request, "
        "or a page that is served at the address of the account.)",
        code="origin_not_allowed",
    )


def missing_beta(beta: str) -> ApiError:
    """Published for assistants. For agents the code is (errors guide); the wording is taken over."""
    api = beta.partition("=")[0].capitalize()
    return ApiError(
        400,
        f"You must provide the 'OpenAI-Beta' header to access the {api} API. "
        f"Please try again by setting the header 'OpenAI-Beta: {beta}'.",
        code="invalid_beta",
    )


def conflict(message: str, param: str | None = None) -> ApiError:
    """What is asked for does not fit the state of the object (errors guide of the Agents API)."""
    return ApiError(409, message, param=param, code="conflict_error")


_CODES = {400: "invalid_request_error", 404: "not_found_error", 409: "conflict_error"}


def with_code(error: ApiError) -> ApiError:
    """As the Agents API refuses: it always gives a code. The codes are published, which refusal has which is not."""
    error.code = error.code or _CODES.get(error.status)
    return error


def missing_key() -> ApiError:
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
    )


def incorrect_key() -> ApiError:
    """The API shows the key with its middle masked; here none of it is shown."""
    return ApiError(401, "Incorrect API key provided: ***.", code="invalid_api_key")


def rate_limited() -> ApiError:
    return ApiError(
        429,
        "Rate limit reached for requests.",
        type="requests",
        code="rate_limit_exceeded",
        headers={"retry-after": "0"},
    )


def server_error() -> ApiError:
    return ApiError(
        500, "The server had an error while processing your request. Sorry about that!", type="server_error"
    )


def out_of_order(why: str) -> ApiError:
    """The machine of the account, not the request, is what is wrong."""
    return ApiError(507, why, type="server_error")


def _named_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return type(value).__name__
