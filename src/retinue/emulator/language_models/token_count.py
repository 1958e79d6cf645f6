"""How many tokens a text has, as the whole account counts: four characters are one, since no tokenizer is bundled."""

from __future__ import annotations

from retinue.emulator.language_models.language_model import Image, Item, Message, Prompt, ToolCall

CHARACTERS_PER_TOKEN = 4

_PER_ITEM = 4
"""What an item costs besides its text: who says it, where it begins and ends."""

_PER_IMAGE = 85
"""What a picture costs in low detail (vision guide)."""


def count_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def count_item(item: Item) -> int:
    if isinstance(item, Message):
        return _PER_ITEM + count_tokens(item.text) + sum(_count_image(each) for each in item.images)
    if isinstance(item, ToolCall):
        return _PER_ITEM + count_tokens(item.name) + count_tokens(item.arguments)
    return _PER_ITEM + count_tokens(item.output)


def count_around(prompt: Prompt) -> int:
    """What a prompt has besides its items: instructions and tools."""
    tools = sum(count_tokens(each.name + each.description + str(dict(each.parameters))) for each in prompt.tools)
    return tools + (_PER_ITEM + count_tokens(prompt.instructions) if prompt.instructions else 0)


def count_prompt(prompt: Prompt) -> int:
    return count_around(prompt) + sum(count_item(each) for each in prompt.items)


def _count_image(_image: Image) -> int:
    return _PER_IMAGE
