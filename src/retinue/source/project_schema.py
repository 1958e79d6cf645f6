"""The JSON Schema of the project file, retinue.yaml, as its author writes it."""

from __future__ import annotations

from typing import Any

from retinue.core.model import NAME

# A name, or a string with an expression in it: what that comes to is checked when it is filled.
_NAME_OR_EXPRESSION = {"type": "string", "pattern": rf"^{NAME.pattern}$|\$\{{\{{"}
VARIABLE_TYPES = ("string", "number", "boolean")
VARIABLE_NAME = "^[A-Za-z_][A-Za-z0-9_-]*$"
DEFAULT_INCLUDE = ("assistants/**/*.yaml", "assistants/**/*.yml")

_VALUE = {"type": list(VARIABLE_TYPES)}

_STACK = {
    **_NAME_OR_EXPRESSION,
    "description": "The ownership boundary: others are never touched. Up to 63 of a-z, 0-9, _ and -.",
}
_ACCOUNT = {
    "description": "Where objects live: 'local', 'openai', or the details of one of the two. Default: local.",
    "anyOf": [
        {"enum": ["local", "openai"]},
        {
            "type": "object",
            "description": "The account embedded in Retinue.",
            "properties": {
                "local": {
                    "type": "string",
                    "minLength": 1,
                    "description": "Its directory, relative to the project. Default: .retinue/local.",
                },
                "quirks": {"type": "object", "description": "Ways to misbehave, for tests and demonstrations."},
            },
            "required": ["local"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "description": "An account that speaks the OpenAI API.",
            "minProperties": 1,
            "properties": {
                "base_url": {
                    "type": "string",
                    "pattern": r"^https?://|\$\{\{",
                    "description": "Default: OpenAI's own.",
                },
                "api_key_env": {
                    "type": "string",
                    "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$",
                    "description": "The environment variable that holds the key. Default: OPENAI_API_KEY.",
                },
                "organization": {"type": "string", "minLength": 1, "description": "The organization's id, org-…."},
                "project": {"type": "string", "minLength": 1, "description": "The project's id, proj_…."},
            },
            "additionalProperties": False,
        },
    ],
}
HOMES = ("assistants-v2", "responses")
_API = {
    "enum": list(HOMES),
    "description": "Which API assistants are for that do not say it themselves. Default: assistants-v2.",
}
_INCLUDE = {
    "description": f"Globs and paths of the declaration files. Default: {', '.join(DEFAULT_INCLUDE)}.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
    ],
}
_VARIABLES = {
    "type": "object",
    "description": "Values for ${{ var.NAME }}.",
    "propertyNames": {"pattern": VARIABLE_NAME},
    "additionalProperties": {
        "anyOf": [
            _VALUE,
            {
                "type": "object",
                "properties": {
                    "default": {**_VALUE, "description": "The value where no other is given."},
                    "description": {"type": "string", "description": "What it is for."},
                    "type": {
                        "enum": list(VARIABLE_TYPES),
                        "description": "How a value of the command line is read. Default: as the type of the default.",
                    },
                },
                "additionalProperties": False,
            },
        ]
    },
}

PROJECT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "stack": _STACK,
        "account": _ACCOUNT,
        "api": _API,
        "include": _INCLUDE,
        "variables": _VARIABLES,
        "environments": {
            "type": "object",
            "description": "What differs by environment; choose one with -e. The stack is then STACK-ENVIRONMENT.",
            "propertyNames": {"pattern": f"^{NAME.pattern}$"},
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "stack": {**_STACK, "description": "The stack's name in place of STACK-ENVIRONMENT."},
                    "account": _ACCOUNT,
                    "api": _API,
                    "include": _INCLUDE,
                    "variables": {
                        "type": "object",
                        "description": "Values of declared variables.",
                        "additionalProperties": _VALUE,
                    },
                },
                "additionalProperties": False,
            },
        },
    },
    "required": ["stack"],
    "additionalProperties": False,
}
