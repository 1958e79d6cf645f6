"""Two hundred assistants in five languages, twelve topics and two environments, said once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from retinue.config import load
from retinue.config.explain import sources
from retinue.config.schema.declaration_schema import documents
from retinue.kinds import all_kinds
from retinue.session import check_loaded
from tests.config.conftest import Files, Write
from tests.config.test_proportion import Work

KINDS = all_kinds()
TOPICS = [
    "billing",
    "returns",
    "delivery",
    "warranty",
    "repairs",
    "orders",
    "accounts",
    "privacy",
    "products",
    "stores",
    "jobs",
    "press",
]
LANGUAGES = {"de": "German", "en": "English", "fr": "French", "it": "Italian", "es": "Spanish"}
PROJECT = """\
stack: help
variables: {model: gpt-4o-mini}
environments:
  staging: {}
  production: {variables: {model: gpt-4o}}
defaults:
  assistants:
    model: ${{ var.model }}
    temperature: 0.3
    metadata: {owner: support-platform, stage: "${{ environment.name }}"}
"""
TEMPLATES = """\
templates:
  assistants:
    speaker:
      with: {tone: friendly}
      labels: {language: "${{ matrix.language.code }}"}
      instructions:
        - {file: prompts/role.md, render: true}
        - {file: "prompts/languages/${{ matrix.language.code }}.md"}
    helper:
      extends: speaker
      tools:
        - file_search: {vector_store: "kb-${{ matrix.topic }}", max_num_results: 8}
        - function: open_ticket
      labels: {topic: "${{ matrix.topic }}"}
functions:
  open_ticket:
    description: Opens a ticket for a person to look at.
    parameters: {type: object, properties: {summary: {type: string}}, required: [summary]}
vector_stores:
  "kb-${{ matrix.topic }}":
    name: ${{ matrix.topic }}
    files: ["knowledge/${{ matrix.topic }}/*.md"]
    matrix: {topic: [@TOPICS@]}
"""
HELPERS = """\
assistants:
  "${{ matrix.topic }}-${{ matrix.channel }}-${{ matrix.language.code }}":
    extends: helper
    with: {tone: "${{ matrix.tone }}"}
    name: ${{ matrix.topic }} (${{ matrix.language.name }}, ${{ matrix.channel }})
    instructions:
      - {file: prompts/role.md, render: true}
      - {file: "prompts/languages/${{ matrix.language.code }}.md"}
      - {file: "prompts/topics/${{ matrix.topic }}.md"}
    matrix:
      topic: [@TOPICS@]
      channel: [chat, mail, phone]
      language: &languages
        - {code: de, name: German}
        - {code: en, name: English}
        - {code: fr, name: French}
        - {code: it, name: Italian}
        - {code: es, name: Spanish}
      include:
        - {tone: friendly}
        - {channel: phone, tone: calm}
  "${{ matrix.team }}-${{ matrix.language.code }}":
    extends: speaker
    name: ${{ matrix.team }} in ${{ matrix.language.name }}
    labels: {team: "${{ matrix.team }}"}
    matrix:
      team: [triage, quality, training, night-shift]
      language: *languages
"""
STAGING = """\
defaults:
  assistants: {temperature: 0}
assistants:
  billing-phone-de: {tools: {function/open_ticket: null}}
"""


def project(topics: list[str]) -> Files:
    files: Files = {
        "retinue.yaml": PROJECT,
        "assistants/shared.yaml": TEMPLATES.replace("@TOPICS@", ", ".join(topics)),
        "assistants/helpers.yaml": HELPERS.replace("@TOPICS@", ", ".join(topics)),
        "environments/staging.yaml": STAGING,
        "assistants/prompts/role.md": "You help customers, and are ${{ with.tone }}. You are ${{ self.name }}.\n",
    }
    for code, name in LANGUAGES.items():
        files[f"assistants/prompts/languages/{code}.md"] = f"Answer in {name}.\n"
    for topic in topics:
        files[f"assistants/prompts/topics/{topic}.md"] = f"You know all about {topic}.\n"
        files[f"assistants/knowledge/{topic}/basics.md"] = f"All about {topic}.\n"
    return files


def test_two_hundred_assistants_are_few_lines_that_editors_know_and_every_value_has_a_place(write: Write) -> None:
    files = project(TOPICS)
    written = {name: str(text) for name, text in files.items() if name.endswith(".yaml")}
    assert sum(text.count("\n") for text in written.values()) <= 250
    schemas = documents(KINDS)
    of = {"retinue.yaml": "retinue", "environments/staging.yaml": "overlay"}
    for name, text in written.items():
        Draft202012Validator(schemas[f"{of.get(name, 'declarations')}.schema.json"]).validate(yaml.safe_load(text))
    root = write(files)
    for environment in ("staging", "production"):
        loaded = load(root, environment=environment, environ={}, kinds=KINDS)
        reading, found = check_loaded(loaded)
        assert [each.message for each in found] == []
        assert reading is not None
        assert sum(each.address.kind == "assistant" for each in reading.declared) == 200
        for each in loaded.declarations:
            origins = sources(each, KINDS[each.address.kind], loaded.variables)
            assert origins
            assert {origin.position.file for origin in origins} <= set(written)
    one = {each.address.name: each for each in loaded.declarations}["billing-phone-de"]
    role = "You help customers, and are calm. You are billing-phone-de."
    assert one.spec["instructions"].split("\n\n") == [role, "Answer in German.", "You know all about billing."]
    assert one.labels == {"language": "de", "topic": "billing"}


@pytest.mark.slow
def test_many_more_of_them_are_in_proportion(write: Write) -> None:
    def work(root: Path) -> int:
        return Work(lambda: check_loaded(load(root, environment="staging", environ={}, kinds=KINDS))).cost

    few, many = (work(write(project([*TOPICS, *(f"t{each}" for each in range(more))]))) for more in (12, 36))
    assert many < few * 2.2
