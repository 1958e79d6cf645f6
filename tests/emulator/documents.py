"""Small documents, written as common programs write them."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence

import pypdf

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
HELVETICA = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def archive(parts: Mapping[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in parts.items():
            made.writestr(name, text)
    return target.getvalue()


def word_part(body: str, *, root: str = "document", namespace: str = WORD) -> str:
    return f'<w:{root} xmlns:w="{namespace}"><w:body>{body}</w:body></w:{root}>'


def docx(body: str, **others: str) -> bytes:
    """A document with this body, and other parts by the stems of their names."""
    parts = {"word/document.xml": word_part(body)}
    return archive(parts | {f"word/{name}.xml": word_part(text, root="part") for name, text in others.items()})


def slide(body: str) -> str:
    return f'<p:sld xmlns:p="urn:slides" xmlns:a="{DRAWING}">{body}</p:sld>'


def objects(bodies: Sequence[bytes]) -> bytes:
    """A PDF of these objects, the first of which is its catalog."""
    written, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % each for each in offsets)
    end = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1) + table
    return written + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, end)


def stream(content: bytes, *filters: str, more: bytes = b"") -> bytes:
    for name in reversed(filters):
        content = ENCODERS[name](content)
    listed = "".join(f" /{name}" for name in filters)
    return b"<< /Length %d /Filter [%s] %s >>\nstream\n%s\nendstream" % (len(content), listed.encode(), more, content)


def pdf(content: bytes, *filters: str, font: bytes = HELVETICA, more: Sequence[bytes] = ()) -> bytes:
    """One page that shows this content. Further objects begin with number 6; picture 6 may be shown as ``/Im``."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F 5 0 R >> /XObject << /Im 6 0 R >> >> >>"
    )
    catalog, pages = b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return objects([catalog, pages, page, stream(content, *filters), font, *more])


def glyphs(text: str, *filters: str) -> bytes:
    """As LibreOffice, Google Docs and Word write it: numbers of glyphs, and a map to characters."""
    code = {character: number for number, character in enumerate(dict.fromkeys(text), 1)}
    pairs = "\n".join(f"<{number:04X}> <{character.encode('utf-16-be').hex()}>" for character, number in code.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def "
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange {len(code)} beginbfchar\n{pairs}\nendbfchar endcmap"
    )
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /A+Sans /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts"
        b" [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A+Sans"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >>"
    )
    shown = "".join(f"{code[character]:04X}" for character in text)
    content = f"BT /F 12 Tf 72 720 Td <{shown}> Tj ET".encode()
    return pdf(content, *filters, font=font, more=[stream(cmap.encode(), "FlateDecode")])


def encrypted(content: bytes, algorithm: str, password: str) -> bytes:
    """With a password for who opens it, which may be empty, and another one for who changes it."""
    writer = pypdf.PdfWriter(io.BytesIO(content))
    writer.encrypt(password, owner_password="the owner's", algorithm=algorithm)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def _lzw(content: bytes) -> bytes:
    """Codes of nine bits that clear the table before it grows."""
    codes = [code for byte in content for code in (256, byte)] + [257]
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8))


def _runs(content: bytes) -> bytes:
    return b"".join(bytes([0, byte]) for byte in content) + b"\x80"


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "FlateDecode": zlib.compress,
    "ASCII85Decode": lambda content: base64.a85encode(content) + b"~>",
    "ASCIIHexDecode": lambda content: content.hex().encode() + b">",
    "LZWDecode": _lzw,
    "RunLengthDecode": _runs,
}


SLOW = pdf(b"BT /F 12 Tf " + b"(word) Tj " * 900_000, "FlateDecode")
"""A small file that takes many seconds to read."""
