"""The JSON Schema of the project file, retinue.yaml, as its author writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.model.values import NAME
from retinue.planning.policy import APPROVED_PLAN, DEFAULT_DELETE_PERCENT

# A name, or a string with an expression in it: what that comes to is checked when it is filled.
_NAME_OR_EXPRESSION = {"type": "string", "pattern": rf"^{NAME.pattern}$|\$\{{\{{"}
VARIABLE_TYPES = ("string", "number", "boolean", "list", "map")
VARIABLE_NAME = "^[A-Za-z_][A-Za-z0-9_-]*$"
DEFAULT_INCLUDE = ("assistants/**/*.yaml", "assistants/**/*.yml")

_SHORT = {"type": ["string", "number", "boolean", "array"]}
_VALUE = {"type": [*_SHORT["type"], "object"]}

_STACK = {
    **_NAME_OR_EXPRESSION,
    "description": "The ownership boundary: others are never touched. Up to 63 of a-z, 0-9, _ and -.",
}
_TEXT = {"type": "string", "minLength": 1}


def _provider(**options: str) -> dict[str, Any]:
    """What one provider of tokens takes: all of its options are texts."""
    properties = {name: {**_TEXT, "description": description} for name, description in options.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


# Named after the SDK's functions (openai.auth) and their parameters; tests compare the two.
PROVIDERS: dict[str, Any] = {
    "github_actions_id_token": {
        **_provider(audience="Whom the token is for, as the account expects it. Default: https://api.openai.com/v1."),
        "description": "The token of a GitHub Actions job.",
    },
    "gitlab_id_token": {
        **_provider(variable="The environment variable that 'id_tokens:' of the job sets. Default: OPENAI_ID_TOKEN."),
        "description": "The token of a GitLab job.",
    },
    "k8s_service_account_token": {
        **_provider(token_file_path="Where the token is mounted. Default: where Kubernetes does."),  # noqa: S106
        "description": "The token of a Kubernetes service account.",
    },
    "azure_managed_identity_token": {
        **_provider(
            resource="The resource to ask a token for. Default: https://management.azure.com/.",
            object_id="The object id of the identity, where there are several.",
            client_id="The client id of the identity, where there are several.",
            msi_res_id="The resource id of the identity, where there are several.",
            api_version="The version of Azure's instance metadata service.",
        ),
        "description": "The token of an Azure managed identity.",
    },
    "gcp_id_token": {
        **_provider(audience="Whom the token is for, as the account expects it. Default: https://api.openai.com/v1."),
        "description": "The token of a Google Cloud machine.",
    },
}
_PER_MINUTE = {"type": "integer", "minimum": 1}
_WORKLOAD_IDENTITY = {
    "type": "object",
    "description": "In place of a key: a token of the place where Retinue runs, exchanged for one of the account.",
    "properties": {
        "identity_provider_id": {**_TEXT, "description": "The id of the identity provider in the account."},
        "service_account_id": {**_TEXT, "description": "The id of the service account to act as."},
        "provider": {
            "description": "Where the token comes from: a name, or a mapping of that name to its options.",
            "anyOf": [
                {"enum": list(PROVIDERS)},
                {
                    "type": "object",
                    "properties": PROVIDERS,
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                },
            ],
        },
        "refresh_buffer_seconds": {
            "type": "number",
            "minimum": 0,
            "description": "How long before its end a token is renewed, in seconds. Default: 1200.",
        },
        "token_exchange_url": {
            "type": "string",
            "pattern": r"^https?://|\$\{\{",
            "description": "Where tokens are exchanged. Default: OpenAI's own.",
        },
    },
    "required": ["identity_provider_id", "service_account_id", "provider"],
    "additionalProperties": False,
}
_PACING = {
    "description": "How much may be sent in a minute. Default: OpenAI's limits for OpenAI's hosts, else none.",
    "anyOf": [
        {"type": "boolean"},
        {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "uploads": {**_PER_MINUTE, "description": "Files that are uploaded."},
                "attached_files": {**_PER_MINUTE, "description": "Files that are attached to vector stores."},
                "store_writes": {**_PER_MINUTE, "description": "Requests that write to the files of one store."},
            },
            "additionalProperties": False,
        },
    ],
}
_SECONDS = {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}
_URL = {"type": "string", "pattern": r"^https?://|\$\{\{"}
_VARIABLE = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"}
_ENDPOINT = {
    "base_url": {**_URL, "description": "Where the endpoint's paths begin, such as http://127.0.0.1:11434/v1."},
    "api_key_env": {
        **_VARIABLE,
        "description": "The environment variable that holds its key. Default: no key is sent.",
    },
    "timeouts": {
        "type": "object",
        "description": "How long to wait, in seconds.",
        "properties": {
            "connect": {**_SECONDS, "description": "For a connection. Default: 10."},
            "first_token": {**_SECONDS, "description": "For an answer to begin. Default: 300."},
            "between_tokens": {**_SECONDS, "description": "For an answer to go on. Default: 60."},
        },
        "additionalProperties": False,
    },
}
_MODEL = {
    "type": "object",
    "description": "What answers in place of the rehearsal model: an endpoint, or a small model in this process.",
    "properties": {
        **_ENDPOINT,
        "bundled": {"const": True, "description": "Let the small model of the extra retinue[model] answer."},
        "file": {**_TEXT, "description": "The same with another model: the path of a GGUF file."},
        "names": {
            "type": "object",
            "description": "What models are called there: gpt-4o: llama3.2; '*' stands for every other model.",
            "additionalProperties": _TEXT,
        },
        "api": {"enum": ["chat", "responses"], "description": "Which API it is asked by. Default: chat."},
        "context_window": {
            "type": "integer",
            "minimum": 256,
            "description": "Tokens of prompt and answer together. Default: those of the model that is stood in for.",
        },
    },
    "minProperties": 1,
    "additionalProperties": False,
}
_EMBEDDINGS = {
    "type": "object",
    "description": "What lets vector stores be searched by meaning: any endpoint with /embeddings. Default: by words.",
    "properties": {
        **_ENDPOINT,
        "bundled": {"const": True, "description": "Take the model of the extra retinue[semantic], without a network."},
        "model": {**_TEXT, "description": "What the model is called there."},
        "query_prefix": {"type": "string", "description": "What the model wants before what is searched for."},
        "text_prefix": {"type": "string", "description": "What the model wants before what is found."},
    },
    "minProperties": 1,
    "additionalProperties": False,
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
                "model": _MODEL,
                "embeddings": _EMBEDDINGS,
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
                "workload_identity": _WORKLOAD_IDENTITY,
                "organization": {"type": "string", "minLength": 1, "description": "The organization's id, org-…."},
                "project": {"type": "string", "minLength": 1, "description": "The project's id, proj_…."},
                "pacing": _PACING,
            },
            "additionalProperties": False,
            "if": {"required": ["workload_identity"]},
            "then": {"properties": {"api_key_env": {"not": {}, "$comment": "keep it, or 'workload_identity'"}}},
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
_SHARED = {
    "description": "Directories outside of the project that paths may lead into, such as ../prompts. Never by a link.",
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
            _SHORT,
            {
                "type": "object",
                "$comment": "write a map as the 'default:' of the variable",
                "properties": {
                    "default": {**_VALUE, "description": "The value where no other is given."},
                    "description": {"type": "string", "description": "What it is for."},
                    "type": {
                        "enum": list(VARIABLE_TYPES),
                        "description": "How a text from outside is read, as by --var: lists and maps as JSON. "
                        "Default: as the default's type.",
                    },
                },
                "additionalProperties": False,
            },
        ]
    },
}

_PERCENT = {"type": ["number", "null"], "minimum": 0, "maximum": 100}
_GUARDS = {
    "type": "object",
    "description": "How much of the stack's objects an apply may touch that nobody has looked at.",
    "properties": {
        "max_change_percent": {**_PERCENT, "description": "The greatest share that may change. Default: any."},
        "max_delete_percent": {
            **_PERCENT,
            "description": f"The greatest share that may be deleted; null for any. Default: {DEFAULT_DELETE_PERCENT}.",
        },
        "require": {
            "enum": [APPROVED_PLAN, None],
            "description": "What an apply takes: a saved plan, or the digest of one, that somebody approved. Default: "
            "nothing of the kind; null takes it back for an environment.",
        },
    },
    "additionalProperties": False,
}

_PRICES = {
    "type": "object",
    "description": "What storage costs: a plan then says what it changes a day. Default: nothing is said.",
    "properties": {
        "vector_store_gb_day": {
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 1_000_000,
            "description": "The price of a GB (10⁹ bytes) in vector stores for a day; null to say nothing.",
        },
        "currency": {
            "type": "string",
            "pattern": "^[A-Z]{3}$",
            "description": "The currency of the prices, by its code. Default: USD.",
        },
    },
    "additionalProperties": False,
}

PROJECT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "stack": _STACK,
        "account": _ACCOUNT,
        "api": _API,
        "include": _INCLUDE,
        "shared": _SHARED,
        "guards": _GUARDS,
        "prices": _PRICES,
        "variables": _VARIABLES,
        "default_environment": {
            "type": "string",
            "pattern": f"^{NAME.pattern}$",
            "description": "The environment where neither -e nor RETINUE_ENVIRONMENT names one. Default: none.",
        },
        "require_environment": {
            "type": "boolean",
            "description": "Refuse every command for which no environment is chosen. Default: false.",
        },
        "environments": {
            "type": ["object", "string"],
            "pattern": "^required$",
            "description": "What differs by environment; choose one with -e. The stack is then STACK-ENVIRONMENT. "
            "'required' where all of them are files in environments/, and one of them must be chosen.",
            "propertyNames": {"pattern": f"^{NAME.pattern}$"},
            "additionalProperties": {
                "type": ["object", "null"],
                "properties": {
                    "stack": {**_STACK, "description": "The stack's name in place of STACK-ENVIRONMENT."},
                    "account": _ACCOUNT,
                    "api": _API,
                    "include": _INCLUDE,
                    "guards": _GUARDS,
                    "prices": _PRICES,
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


def with_overlays(sections: Mapping[str, Any], layers: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the project file, whose environments may change declarations: section → its schema there. `layers`
    are the sections of what declarations are made of, for the project and for its environments."""
    properties = PROJECT["properties"]
    environments = properties["environments"]
    one = environments["additionalProperties"]
    one = {**one, "properties": {**one["properties"], **sections, **layers}}
    changed = {**environments, "additionalProperties": one}
    return {**PROJECT, "properties": {**properties, **layers, "environments": changed}}
