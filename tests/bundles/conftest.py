"""A small project whose assistants are rendered for the Responses API."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.team import Team

DECLARATIONS = """\
assistants:
  math-tutor:
    name: Math Tutor
    model: gpt-4o
    instructions: You are a personal math tutor. Write and run code to answer math questions.
    tools: [code_interpreter]
  python-master:
    name: Python Master
    model: gpt-4o
    instructions: You are a Python Expert. Generate runnable Python code according to messages.
    tools: [code_interpreter]
  desk:
    name: Desk
    description: Uses everything.
    model: gpt-6-luna
    instructions: {file: desk.md}
    reasoning_effort: low
    temperature: 0.5
    top_p: 0.9
    metadata: {team: laws}
    response_format:
      type: json_schema
      json_schema: {name: answer, schema: {type: object, properties: {b: {}, a: {}}}}
    tools:
      - file_search:
          vector_store: handbook
          max_num_results: 8
          ranking_options: {ranker: default_2024_08_21, score_threshold: 0.2}
      - code_interpreter: {files: [prices.csv]}
      - function: get_weather
      - function: {name: stop, strict: true}
    extra: {store: false, text: {verbosity: low}, tools: [{type: web_search}]}
functions:
  get_weather:
    description: Current weather for a city.
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
vector_stores:
  handbook: {name: Handbook, files: [refunds.md]}
"""


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("retinue.yaml", "stack: test\ninclude: ['team.yaml']\napi: responses\n")
    team.write("team.yaml", DECLARATIONS)
    team.write("desk.md", "# Desk\n\nBe kind.\n")
    team.write("prices.csv", "a,b\n1,2\n")
    team.write("refunds.md", "# Refunds\n\nThirty days.\n")
    return team
