"""The text of each kind of file, and what is said of a file that has none or takes too much."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.emulator.vector_stores import document_reader
from retinue.emulator.vector_stores.document_reader import UnreadableError, read_document
from retinue.emulator.vector_stores.store_index import cut, join
from retinue.emulator.vector_stores.text_extraction import (
    DOCUMENTS,
    EXTENSIONS,
    AbandonedError,
    UnsearchableError,
    extract_text,
)
from tests.emulator.documents import (
    ENCODERS,
    SLOW,
    archive,
    docx,
    encrypted,
    glyphs,
    objects,
    pdf,
    slide,
    stream,
    word_part,
)

STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"


def read(suffix: str, content: bytes) -> str:
    return read_document(suffix, io.BytesIO(content))


Extract = Callable[[str, bytes], str]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    def extract_one(name: str, content: bytes) -> str:
        path = tmp_path / "content"
        path.write_bytes(content)
        return extract_text(name, path)

    return extract_one


def test_text_in_the_encodings_the_api_takes(extract: Extract) -> None:
    assert extract("a.md", "é".encode()) == "é"
    assert extract("a.txt", b"\xef\xbb\xbfmarked") == "marked"
    assert extract("A.TXT", "é".encode("utf-16")) == "é"


# ── docx and pptx ─────────────────────────────────────────────────────────────────────────────────────────────────────


def paragraph(*runs: str) -> str:
    return "<w:p>" + "".join(f"<w:r>{run}</w:r>" for run in runs) + "</w:p>"


def said(text: str) -> str:
    return f"<w:t>{text}</w:t>"


def cell(*texts: str) -> str:
    return "<w:tc>" + "".join(paragraph(said(text)) for text in texts) + "</w:tc>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (paragraph(said("Open"), said("ing hours")), "Opening hours"),
        (paragraph(said("a")) + paragraph() + paragraph(said("b")), "a\nb"),
        (paragraph(said("Opening") + "<w:tab/>" + said("hours")), "Opening\thours"),
        (paragraph(said("Opening"), "<w:ptab w:alignment='right'/>", said("hours")), "Opening\thours"),
        (paragraph(said("Opening") + "<w:br/>" + said("hours")), "Opening\nhours"),
        (paragraph(said("Opening") + "<w:br w:type='page'/>" + said("hours")), "Opening\nhours"),
        (paragraph(said("Opening") + "<w:cr/>" + said("hours")), "Opening\nhours"),
        (paragraph(said("check") + "<w:noBreakHyphen/>" + said("in")), "check-in"),
        (paragraph(said("recep") + "<w:softHyphen/>" + said("tion")), "reception"),
        (paragraph(said("recep\u00adtion")), "reception"),
        (paragraph(said("o\ufb03ce")), "office"),
        (paragraph(said("a &amp; b &#233;")), "a & b é"),
        ("<w:p><w:pPr><w:tabs><w:tab w:pos='720'/></w:tabs></w:pPr><w:r><w:t>stop</w:t></w:r></w:p>", "stop"),
        (
            f"<w:tbl><w:tr>{cell('Room')}{cell('Price')}</w:tr><w:tr>{cell('Single')}{cell('90')}</w:tr></w:tbl>",
            "Room\tPrice\nSingle\t90",
        ),
        (f"<w:tbl><w:tr>{cell('')}{cell('Price')}</w:tr></w:tbl>" + paragraph(said("after")), "\tPrice\nafter"),
        (f"<w:tbl><w:tr>{cell('one', 'two')}{cell('three')}</w:tr></w:tbl>", "one\ntwo\tthree"),
        ("<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText/></w:r></w:del></w:p>", "new"),
        ("<w:p><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:t>here</w:t></w:r></w:p>", "here"),
        ("<w:p><w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink></w:p>", "link"),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>7</w:t></w:r></w:p>", "7"),
        ("<w:p><w:sdt><w:sdtContent><w:r><w:t>field</w:t></w:r></w:sdtContent></w:sdt></w:p>", "field"),
        (
            "<w:p><w:r><w:t>around</w:t></w:r><w:r><mc:AlternateContent xmlns:mc='urn:mc'><mc:Choice><w:txbxContent>"
            "<w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent>"
            "<w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>",
            "around\nboxed",
        ),
    ],
)  # fmt: skip
def test_words_of_a_docx_stay_apart_and_whole(body: str, expected: str) -> None:
    assert read(".docx", docx(body)) == expected


def test_a_docx_is_more_than_its_body() -> None:
    others = {
        "header1": paragraph(said("Head")),
        "footer2": paragraph(said("Foot")),
        "endnotes": paragraph(said("End")),
    }
    content = docx(paragraph(said("Body")), footnotes=paragraph(said("Note")), styles=paragraph(said("no")), **others)
    assert set(read(".docx", content).split("\n")) == {"Body", "Head", "Foot", "Note", "End"}
    strict = archive({"word/document.xml": word_part(paragraph(said("strict")), namespace=STRICT)})
    assert read(".docx", strict) == "strict"


def test_slides_in_their_order() -> None:
    slides = {
        f"ppt/slides/slide{number}.xml": slide(f"<a:p><a:r><a:t>{number}</a:t></a:r></a:p>") for number in (10, 2, 1)
    }
    assert read(".pptx", archive(slides)) == "1\n2\n10"
    cells = "".join(f"<a:tc><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:tc>" for text in "ab")
    table = f"<a:tbl><a:tr>{cells}</a:tr></a:tbl>"
    broken = "<a:p><a:r><a:t>one</a:t></a:r><a:br/><a:fld><a:t>two</a:t></a:fld></a:p>"
    assert read(".pptx", archive({"ppt/slides/slide1.xml": slide(table + broken)})) == "a\tb\none\ntwo"


# ── pdf ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

PLAIN = b"BT /F 12 Tf 72 720 Td (Parking costs six florins.) Tj ET"


@pytest.mark.parametrize(
    "filters",
    [
        *([], *([name] for name in ENCODERS), ["ASCII85Decode", "FlateDecode"], ["ASCIIHexDecode", "LZWDecode"]),
        *(["ASCIIHexDecode", "ASCII85Decode", "FlateDecode"], ["FlateDecode", "FlateDecode"]),
    ],
    ids=lambda names: "+".join(names) or "none",
)
def test_a_pdf_in_every_filter_of_text(filters: list[str]) -> None:
    assert read(".pdf", pdf(PLAIN, *filters)).strip() == "Parking costs six florins."
    assert read(".pdf", glyphs("Umbrellas: в зале", *filters)).strip() == "Umbrellas: в зале"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (b"[(The)-333(front)-333(desk)-333(opens)-333(at)-333(ei)20(gh)-20(t.)]TJ", "The front desk opens at eight."),
        (b"[(The) -278 (fr) 15 (ont) -278 (desk)] TJ", "The front desk"),
        (b"(front) Tj 40 0 Td (desk) Tj", "front desk"),
        (b"(front) Tj 0 -14 Td (desk) Tj", "front\ndesk"),
        (b"14 TL (front) Tj T* (desk) Tj", "front\ndesk"),
        (b"(front) Tj (desk) '", "front\ndesk"),
        (b"<66726f6e74206465736b> Tj", "front desk"),
        (b"(in \\(euro\\), caf\\351) Tj", "in (euro), café"),
        (b"(recep\\255tion) Tj", "reception"),
    ],
)
def test_words_of_a_pdf_stay_apart_and_whole(shown: bytes, expected: str) -> None:
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    assert read(".pdf", pdf(b"BT /F 12 Tf 72 720 Td 14 TL " + shown + b" ET", font=font)).strip() == expected


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256", "AES-256-R5"])
def test_an_encrypted_pdf_that_anybody_may_open(algorithm: str) -> None:
    assert read(".pdf", encrypted(pdf(PLAIN), algorithm, "")).strip() == "Parking costs six florins."
    with pytest.raises(UnreadableError, match="password"):
        read(".pdf", encrypted(pdf(PLAIN), algorithm, "secret"))


@pytest.mark.parametrize("filters", [[], ["FlateDecode"], ["ASCII85Decode"]])
def test_a_picture_is_no_text(filters: list[str]) -> None:
    shape = b"/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8"
    picture = stream(b"BT (zanzibar) Tj ET ".ljust(64, b"("), *filters, more=shape)
    with pytest.raises(UnreadableError, match="no text"):
        read(".pdf", pdf(b"q 100 0 0 100 72 600 cm /Im Do Q", more=[picture]))
    assert "zanzibar" not in read(".pdf", pdf(PLAIN + b" /Im Do", more=[picture]))


def test_a_damaged_page_does_not_take_the_others_with_it() -> None:
    damaged = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 7 0 R /Resources << /Font 8 >> >>"
    pages, page = b"<< /Type /Pages /Kids [6 0 R 3 0 R] /Count 2 >>", b"/Resources << /Font << /F 5 0 R >> >>"
    whole = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R " + page + b" >>"
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    broken = b"<< /Length 3 /Filter /FlateDecode >>\nstream\nxyz\nendstream"
    catalog = b"<< /Type /Catalog /Pages 2 0 R >>"
    content = objects([catalog, pages, whole, stream(PLAIN), font, damaged, broken])
    assert "florins" in read(".pdf", content)


# ── what cannot be searched ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "code", "reason"),
    [
        ("a.csv", b"x", "unsupported_file", "not supported"),
        ("a.yaml", b"x", "unsupported_file", "not supported"),
        ("README", b"x", "unsupported_file", "not supported"),
        ("a.txt", b"\xff\x00\x80", "invalid_file", "not valid text"),
        ("a.txt", b"", "invalid_file", "empty"),
        ("a.pdf", b"", "invalid_file", "empty"),
        ("a.doc", b"\xd0\xcf\x11\xe0", "invalid_file", "save it as docx"),
        ("a.pdf", b"not a pdf", "invalid_file", "damaged"),
        ("a.docx", docx(paragraph()), "invalid_file", "no text"),
    ],
)
def test_what_cannot_be_searched(extract: Extract, name: str, content: bytes, code: str, reason: str) -> None:
    with pytest.raises(UnsearchableError, match=reason) as caught:
        extract(name, content)
    assert caught.value.code == code


NESTED = 20_000
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"


def entities(levels: int) -> str:
    grown = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, levels))
    return f'<!DOCTYPE d [<!ENTITY e0 "lol">{grown}]>' + word_part(paragraph(said(f"&e{levels - 1};")))


@pytest.mark.parametrize(
    ("suffix", "content", "reason"),
    [
        (".docx", b"not a zip", "damaged"),
        (".docx", archive({"word/document.xml": "<broken"}), "damaged"),
        (".docx", archive({"word/styles.xml": "<a/>"}), "damaged"),
        (".docx", docx(paragraph(said("x")))[:-40], "damaged"),
        (".docx", OLE, "password"),
        (".docx", archive({"word/document.xml": "<w:body>" + paragraph(said("x")) + "</w:body>"}), "damaged"),
        (".docx", docx("<w:p>" * NESTED + said("x") + "</w:p>" * NESTED), "nested too deeply"),
        (".docx", docx("<x>" * NESTED + said("x") + "</x>" * NESTED), "nested too deeply"),
        (".pptx", archive({"ppt/slides/slide1.xml": slide("<a:p>" * NESTED + "</a:p>" * NESTED)}), "nested too deeply"),
        (".docx", archive({"word/document.xml": entities(2)}), "document type"),
        (".docx", archive({"word/document.xml": entities(20)}), "document type"),
        (".docx", archive({"word/document.xml": "<!DOCTYPE a SYSTEM 'file:///x'>" + word_part("")}), "document"),
        (".docx", docx(paragraph(said("word " * 5_000_000))), "5,000,000 tokens"),
        (".docx", docx("", **{f"header{n}": paragraph(said("x" * 9_999_999)) for n in range(3)}), "tokens"),
        (".pdf", b"%PDF-1.4\n" + b"stream\n" * 100_000, "damaged"),
        (".pdf", b"%PDF-1.4\n" + b"1 0 obj\n" * 20_000, "damaged"),
        (".pdf", objects([CATALOG, b"[" * 100_000]), "damaged"),
        (".pdf", objects([CATALOG, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]), "damaged"),
        (
            ".pdf",
            objects([CATALOG, *(b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % kid for kid in (3, 4, 2))]),
            "damaged",
        ),
        (
            ".pdf",
            objects([CATALOG, *(b"<< /Type /Pages /Kids [%d 0 R %d 0 R] >>" % (n, n) for n in range(3, 40)), b"<< >>"]),
            "damaged",
        ),
        (".pdf", pdf(b"BT " + b"(word) Tj " * 9_000_000, "FlateDecode"), "take too much"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_hostile_document_is_told_apart_soon(suffix: str, content: bytes, reason: str) -> None:
    """By limits of size and depth, whatever it unpacks to; those of time and memory are for what is left."""
    with pytest.raises(UnreadableError, match=reason):
        read(suffix, content)


def test_no_more_is_unpacked_than_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_reader, "MAX_PARTS", 3_000_000)
    packed = docx(paragraph(said("x")) + " " * 2_900_000)
    assert read(".docx", packed) == "x"
    with pytest.raises(UnreadableError, match="too large when unpacked"):
        read(".docx", docx(paragraph(said("x")) + " " * 3_000_000))
    with pytest.raises(UnreadableError, match="too large when unpacked"):
        read(".docx", docx(" " * 2_000_000, header1=" " * 2_000_000))


def test_a_document_is_read_by_a_process_that_can_be_ended(tmp_path: Path) -> None:
    """Which happens when its time is over, or when the account closes."""
    path = tmp_path / "content"
    path.write_bytes(SLOW)
    with pytest.raises(UnsearchableError, match="too much time"):
        extract_text("a.pdf", path, seconds=0)
    closing = threading.Event()
    closing.set()
    with pytest.raises(AbandonedError):
        extract_text("a.pdf", path, stopping=closing)


def test_a_reader_that_cannot_be_run_is_our_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "content"
    path.write_bytes(pdf(PLAIN))
    monkeypatch.setattr(document_reader, "__file__", str(tmp_path / "nothing.py"))
    with pytest.raises(RuntimeError, match=r"nothing\.py"):
        extract_text("a.pdf", path)


@pytest.mark.parametrize("text", ["", "x", "x" * 5000, "word " * 2000, "\n" * 1000])
def test_chunks_hold_the_whole_text(text: str) -> None:
    sizes = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}
    chunks = list(cut(text, sizes))
    assert "".join(chunks) == text
    assert all(0 < len(chunk) <= 400 for chunk in chunks)


@given(st.text(alphabet="ab \n", max_size=3000), st.integers(0, 50))
def test_the_text_can_be_had_back_from_its_chunks(text: str, overlap: int) -> None:
    sizes = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": overlap}
    assert join(cut(text, sizes), sizes) == text


def test_every_format_that_is_taken_is_text_or_a_document() -> None:
    assert DOCUMENTS < EXTENSIONS
    assert set(document_reader._READERS) == DOCUMENTS
