"""Pictures as any endpoint can be sent them: those that are files of the account with their bytes."""

from __future__ import annotations

import base64
import mimetypes

from retinue.emulator.language_models.language_model import Image

_SENT = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What the API takes (images guide)."""
_LARGEST = 20 * 1024 * 1024
"""Bytes of one picture; a larger one is only named."""


def image_url(image: Image) -> str:
    """Where the picture is, or all of it; empty for a file that is gone, or is none that a model can look at."""
    kind = mimetypes.guess_type(image.filename)[0]
    if image.url or image.path is None or kind not in _SENT:
        return image.url
    try:
        if image.path.stat().st_size > _LARGEST:
            return ""
        return f"data:{kind};base64,{base64.b64encode(image.path.read_bytes()).decode()}"
    except OSError:  # deleted since
        return ""


def image_name(image: Image) -> str:
    """What stands in its place where no picture can."""
    return f"[image {image.filename or image.file_id}]" if image.filename or image.file_id else "[image]"
