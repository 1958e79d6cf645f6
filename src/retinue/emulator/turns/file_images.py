"""Pictures that are files of the account, as something that any model can be sent."""

from __future__ import annotations

import base64
import mimetypes
from dataclasses import replace

from retinue.emulator.files.stored_files import FILES
from retinue.emulator.language_models.language_model import Image, Item, Message
from retinue.emulator.server.service import Call

_SENT = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What the API takes (images guide)."""
_LARGEST = 20 * 1024 * 1024
"""Bytes of one picture; a larger one, and what is none, is only named."""


def with_file_images(call: Call, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items, the pictures of their users' messages with the bytes of their files as data URLs."""
    return tuple(
        replace(each, images=tuple(_read(call, image) for image in each.images))
        if isinstance(each, Message) and each.images and each.role == "user"
        else each
        for each in items
    )


def _read(call: Call, image: Image) -> Image:
    file = call.storage.find(FILES.object, image.file_id) if image.file_id else None
    if file is None or file.body["bytes"] > _LARGEST:
        return image
    kind = mimetypes.guess_type(file.body["filename"])[0]
    path = call.storage.blob(file.id)
    if kind not in _SENT or not path.exists():
        return image
    return replace(image, url=f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}")
