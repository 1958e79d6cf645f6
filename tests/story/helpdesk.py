"""What the help desk's repository holds on its first day."""

from __future__ import annotations

FILES = {
    "retinue.yaml": """\
stack: helpdesk
account: {api_key_env: HELPDESK_KEY}
variables:
  tone: {type: string, description: How everybody talks to customers.}
environments:
  staging:
    variables: {tone: Friendly.}
  production:
    variables: {tone: Formal.}
""",
    "assistants/desk.yaml": """\
# What customers talk to. Ask Ann before you change a prompt.
assistants:
  desk:
    name: Help desk
    model: gpt-6-luna
    instructions: [{file: prompts/desk.md}, "${{ var.tone }}"]
    temperature: 0.4  # tried in March; 0.7 was too chatty
    tools:
      - file_search: {vector_store: handbook, max_num_results: 5}
      - function: look_up_order
    metadata: {team: support}
  night:
    name: Night desk
    model: gpt-6-luna
    instructions: You answer while everybody sleeps, and promise a call in the morning.

functions:
  look_up_order:
    description: Finds an order by its number.
    parameters: {type: object, properties: {number: {type: string}}, required: [number]}

vector_stores:
  handbook:
    name: Handbook
    files: [handbook/*.md]
""",
    "assistants/teams.yaml": """\
assistants:
  billing: {name: Billing, model: gpt-6-luna, instructions: You know invoices.}
  returns: {name: Returns, model: gpt-6-luna, instructions: You know parcels that come back.}
  shipping: {name: Shipping, model: gpt-6-luna, instructions: You know carriers and customs.}
  warranty: {name: Warranty, model: gpt-6-luna, instructions: You know what breaks and who pays.}
""",
    "assistants/prompts/desk.md": "You answer customers of a shop for lamps.\n\nLook into the handbook first.\n",
    "assistants/handbook/refunds.md": "# Refunds\n\nMoney comes back within thirty days.\n",
    "assistants/handbook/shipping.md": "# Shipping\n\nParcels leave on weekdays.\n",
    "environments/production.yaml": """\
assistants:
  desk:
    metadata: {stage: production}
""",
    ".gitignore": ".retinue/\n",
}
