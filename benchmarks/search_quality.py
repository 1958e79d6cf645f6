"""How well a question finds the right section of the example handbook: by words, and by meaning where there is a model.

Every section is a file of one vector store of a local account, which is asked as any client asks it. The questions are
a customer's, who does not know how the handbook calls things. hit@1 and hit@3 are the shares of questions whose section
comes first, or among the first three; MRR is the mean of 1 by its rank, 0 where it is not found.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2

from retinue.emulator.embeddings.embedder import Embedder
from retinue.emulator.model_settings import read_models
from retinue.emulator.server.transport import LocalTransport

HANDBOOK = Path(__file__).parents[1] / "assistants" / "support-desk" / "handbook"
MOST = 50
"""Results that a rank is looked for in: all that one request gives."""

QUESTIONS: tuple[tuple[str, str], ...] = (
    ("I never got the login number by mail", "accounts-and-privacy/Signing in"),
    ("my old mailbox was closed, how do I log in now?", "accounts-and-privacy/Signing in"),
    ("can my grandmother see the live picture on her phone too?", "accounts-and-privacy/Sharing a feeder"),
    ("how long are recordings saved?", "accounts-and-privacy/What we store"),
    ("does it listen to what we talk about on the terrace?", "accounts-and-privacy/What we store"),
    ("the man next door films my garden", "accounts-and-privacy/Neighbours and public places"),
    ("I want everything you know about me as a file", "accounts-and-privacy/Getting a copy of your data"),
    ("please erase me from your systems", "accounts-and-privacy/Deleting an account"),
    ("what does the subscription give me that I don't have now?", "plans-and-billing/What is free and what is Plus"),
    ("how much is it per year?", "plans-and-billing/Prices"),
    ("I'd rather pay once a year than every month", "plans-and-billing/Changing"),
    ("stop my subscription", "plans-and-billing/Cancelling"),
    ("you took money twice this month", "plans-and-billing/Refunds of Plus"),
    ("my credit card expired and the payment bounced", "plans-and-billing/Failed payments"),
    ("I need a bill with our company's tax id", "plans-and-billing/Invoices"),
    ("until when can I use my gift card?", "plans-and-billing/Vouchers"),
    ("I don't like it, how many days do I have to send it back?", "refunds-and-returns/Time limits"),
    ("I threw the box away, is that a problem?", "refunds-and-returns/Condition"),
    ("where do I get the sticker for the parcel going back?", "refunds-and-returns/Steps for the customer"),
    ("I sent it back last week, when do I see it on my bank account?", "refunds-and-returns/When the money arrives"),
    ("can I swap it for another colour?", "refunds-and-returns/Exchanges"),
    ("it was a present from my aunt and she must not know", "refunds-and-returns/Gifts"),
    ("do you send to Zurich?", "shipping-and-delivery/Where we ship"),
    ("how fast does it get here and what does postage cost?", "shipping-and-delivery/Times and prices"),
    ("I moved house, can it go to the new place?", "shipping-and-delivery/Changing an address"),
    ("the app says it was handed over but I have nothing",
     "shipping-and-delivery/Recorded as delivered, but not there"),
    ("the box was crushed when it came", "shipping-and-delivery/Damaged parcels"),
    ("it smells burnt and is very warm", "troubleshooting/Safety"),
    ("what does orange blinking mean?", "troubleshooting/The lights"),
    ("my phone does not tell me when a bird comes", "troubleshooting/No notifications"),
    ("it films leaves all day long", "troubleshooting/Too many clips without birds"),
    ("the picture is foggy in the morning", "troubleshooting/Video stutters or is grey"),
    ("it is empty after two days in December", "troubleshooting/Battery does not last"),
    ("it takes a sparrow for a robin", "troubleshooting/The wrong bird"),
    ("nobody visits my feeder", "troubleshooting/Birds do not come"),
    ("a squirrel broke the roof, do you pay?", "warranty-and-repairs/What is covered"),
    ("I bought it used from a friend", "warranty-and-repairs/Without proof of purchase"),
    ("what do you charge for mending it after three years?", "warranty-and-repairs/Outside the warranty"),
)  # fmt: skip


def sections() -> Iterator[tuple[str, str]]:
    """Every section by page and heading, with its text."""
    for page in sorted(HANDBOOK.glob("*.md")):
        title, *parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for part in parts:
            yield f"{page.stem}/{part.partition(chr(10))[0]}", f"{title.splitlines()[0]}\n\n## {part}"


def ranks(embedder: Embedder | None) -> list[int | None]:
    """The place of each question's section; None where it is not found."""
    with tempfile.TemporaryDirectory() as scratch:
        numbers = itertools.count()  # sections that fit as well as each other come in the order of their ids
        transport = LocalTransport(
            Path(scratch), embedder=embedder, new_id=lambda prefix: f"{prefix}{next(numbers):024}"
        )
        with httpx2.Client(transport=transport, base_url="http://local.invalid/v1", timeout=600) as account:
            headers = {"openai-beta": "assistants=v2"}
            named: dict[str, str] = {}
            for name, text in sections():
                sent = account.post("/files", files={"file": ("s.md", text.encode())}, data={"purpose": "assistants"})
                named[sent.raise_for_status().json()["id"]] = name
            store = account.post("/vector_stores", json={"file_ids": list(named)}, headers=headers).json()["id"]
            _await(account, store, headers)
            found = [_search(account, store, question, headers) for question, _ in QUESTIONS]
    placed = [[named[each] for each in files] for files in found]
    return [
        files.index(right) + 1 if right in files else None for files, (_, right) in zip(placed, QUESTIONS, strict=True)
    ]


def _await(account: httpx2.Client, store: str, headers: dict[str, str]) -> None:
    while (counts := account.get(f"/vector_stores/{store}", headers=headers).json()["file_counts"])["in_progress"]:
        threading.Event().wait(0.1)
    if counts["failed"]:
        listed = account.get(f"/vector_stores/{store}/files", params={"filter": "failed"}, headers=headers).json()
        raise SystemExit(listed["data"][0]["last_error"]["message"])


def _search(account: httpx2.Client, store: str, question: str, headers: dict[str, str]) -> list[str]:
    asked = {"query": question, "max_num_results": MOST}
    answer: Any = account.post(f"/vector_stores/{store}/search", json=asked, headers=headers).raise_for_status().json()
    return [each["file_id"] for each in answer["data"]]


def row(name: str, found: Sequence[int | None]) -> str:
    """The figures of one way to search."""
    first, three = sum(each == 1 for each in found), sum(each is not None and each <= 3 for each in found)
    mean = sum(1 / each for each in found if each) / len(found)
    return f"{name:<24}{first:>4} of {len(found)}{three:>8} of {len(found)}{mean:>8.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-search ARGS=…", description=__doc__)
    parser.add_argument("--embeddings-url", metavar="URL", help="an endpoint with /embeddings")
    parser.add_argument("--embeddings-model", metavar="NAME", help="what the model is called there")
    parser.add_argument("--embeddings-key-env", metavar="VARIABLE", help="the variable that holds its key")
    parser.add_argument("--bundled", action="store_true", help="the model of the extra retinue[semantic]")
    parser.add_argument("--each", action="store_true", help="print the rank of every question, too")
    chosen = parser.parse_args()
    ways: dict[str, Embedder | None] = {"words": None}
    if chosen.embeddings_url:
        setting = {
            "base_url": chosen.embeddings_url,
            "model": chosen.embeddings_model,
            "api_key_env": chosen.embeddings_key_env,
        }
        ways[str(chosen.embeddings_model)] = read_models({"embeddings": setting}, os.environ).embedder
    if chosen.bundled:
        ways["retinue[semantic]"] = read_models({"embeddings": {"bundled": True}}, os.environ).embedder
    print(f"{len(QUESTIONS)} questions over {len(list(sections()))} sections")
    print(f"{'':<24}{'hit@1':>10}{'hit@3':>14}{'MRR':>8}")
    found = {name: ranks(embedder) for name, embedder in ways.items()}
    for name, placed in found.items():
        print(row(name, placed))
    if chosen.each:
        for at, (question, right) in enumerate(QUESTIONS):
            print("  ".join(f"{placed[at] or '-':>3}" for placed in found.values()), f" {question}  → {right}")


if __name__ == "__main__":
    main()
