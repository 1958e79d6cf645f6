"""The plans behind the goldens, each made by the engine from a few declared and live objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from retinue.content.manifest import attached_spec
from retinue.kinds import all_kinds
from retinue.model.declared import Declared, Handover, Lifecycle, Position
from retinue.model.live import Live, LiveFile
from retinue.model.steps import AccountInfo, Plan, Prices
from retinue.model.tag import Tag, write_tag
from retinue.model.values import Address, FileRef, Path, Ref
from retinue.planning.planner import make_plan
from retinue.planning.storage_cost import storage_change
from retinue.providers.live_reader import read_live

KINDS = all_kinds()
STACK = "classroom"
LOCAL = AccountInfo("local")
CHUNKING = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}

TUTOR = Address("assistant", "math-tutor")
SUPPORT = Address("assistant", "support-desk")
HANDBOOK = Address("vector_store", "handbook")

Spec = dict[str, Any]


@dataclass(frozen=True)
class FieldLines:
    """A declaration whose fields stand one below the other, in the order of its specification."""

    file: str
    line: int
    fields: tuple[str, ...]

    def at(self, path: Path, *, key: bool = False) -> Position:
        if path and path[0] in self.fields:
            return Position(self.file, self.line + 1 + self.fields.index(str(path[0])), 5)
        return Position(self.file, self.line, 3)


def declared(address: Address, spec: Mapping[str, Any], *, protect: bool = False, line: int = 2) -> Declared:
    """A declaration in a file named after the object; `spec` is canonical."""
    places = FieldLines(f"assistants/{address.name}.yaml", line, tuple(spec))
    return Declared(address, spec, places, {}, Lifecycle(protect))


def live(
    live_id: str,
    address: Address,
    applied: Mapping[str, Any],
    *,
    edits: Mapping[str, Any] | None = None,
    files: tuple[LiveFile, ...] = (),
    protect: bool = False,
) -> Live:
    """An object as the last apply left it, except for what somebody edited since."""
    kind = KINDS[address.kind]
    fields = {key: each for key, each in applied.items() if not kind.field(key).content}
    raw = kind.write(fields) | kind.write(edits or {})
    tag = write_tag(kind.make_tag(STACK, address, applied, Lifecycle(protect)))
    raw |= {"id": live_id, "metadata": {**raw.get("metadata", {}), "retinue": tag}}
    return replace(seen(raw, address.kind), files=files)


def seen(raw: Mapping[str, Any], kind: str) -> Live:
    """An object as its provider reads it."""
    return read_live(raw, KINDS[kind], raw.get("metadata", {}))


def stranger(live_id: str, kind: str, name: str, *, stack: str | None = None) -> Live:
    """An object that is not ours: without an owner, or with another stack's tag."""
    tag = Tag(stack, Address(kind, "theirs")) if stack else None
    return replace(seen({"id": live_id, "name": name, "model": "gpt-4o", "metadata": {}}, kind), tag=tag)


def knowledge(path: str, digest: str, size: int, **attributes: Any) -> dict[str, Any]:
    """One declared file of a vector store, by its path."""
    return {path: {"sha256": digest * 64, "size": size, "attributes": attributes, "chunking": CHUNKING}}


def attached(
    number: int, path: str, digest: str, size: int, *, status: str = "completed", **attributes: Any
) -> LiveFile:
    """One live file of a vector store."""
    return LiveFile(f"file-{number}", path, digest * 64, status, 1_700_000_000, size, attributes, CHUNKING)


def plan(wanted: list[Declared], found: list[Live], **options: Any) -> Plan:
    return make_plan(wanted, found, KINDS, **{"stack": STACK, "account": LOCAL, **options})


MATH: Spec = {
    "name": "Math Tutor",
    "model": "gpt-4o",
    "instructions": "You are a personal math tutor. Write and run code to answer math questions.",
    "tools": {"code_interpreter": {}},
}
WEATHER: Spec = {
    "description": "Current weather for a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city, in English."}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
PROMPT = """\
You answer questions of students about the course.

# Tone

- Friendly and brief.
- Never promise a grade.

# Sources

Search the handbook before you answer, and name the page you used.
If the handbook does not say, tell the student to write to office@example.org.

# Limits

Do not solve graded homework. Explain the idea with another example instead.
"""

# ── the cases ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def empty() -> Plan:
    """Nothing to do."""
    return plan([declared(TUTOR, MATH)], [live("asst_1", TUTOR, MATH)])


def nothing_declared() -> Plan:
    """Nothing declared, and the account holds only what others made."""
    return plan([], [stranger("asst_7", "assistant", "Their bot")])


def create() -> Plan:
    """New objects of every kind, with all that can be declared."""
    support: Spec = {
        "name": "Support desk",
        "description": "Answers students.",
        "model": "gpt-4o",
        "instructions": PROMPT,
        "tools": {
            "code_interpreter": {},
            "file_search": {"max_num_results": 8, "ranking_options": {"score_threshold": 0.2}},
            "function/get_weather": WEATHER,
        },
        "vector_store_ids": [Ref(HANDBOOK)],
        "file_ids": {"data/grades.csv": FileRef("data/grades.csv", "c" * 64, 48_200)},
        "metadata": {"team": "education", "cost center": "4711"},
        "temperature": 0.3,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object", "properties": {"text": {"type": "string"}}}},
        },
        "reasoning_effort": "low",
    }
    files = {**knowledge("handbook/a.md", "a", 1_234), **knowledge("handbook/prices.pdf", "b", 2_400_000, year=2026)}
    store: Spec = {"name": "Course handbook", "expires_after": {"days": 30}, "metadata": {}, "files": files}
    wanted = [declared(TUTOR, MATH), declared(SUPPORT, support, protect=True), declared(HANDBOOK, store)]
    return plan(wanted, [], account=AccountInfo("openai", project="proj_abc"), environment="production")


def prompt_word() -> Plan:
    """One word edited in a prompt of 2,000 lines."""
    prompt = "\n".join(f"Rule {number}: be kind." if number % 5 else "" for number in range(2_000))
    edited = prompt.replace("Rule 1234: be kind.", "Rule 1234: be brief.")
    return plan(
        [declared(TUTOR, {**MATH, "instructions": edited})], [live("asst_1", TUTOR, {**MATH, "instructions": prompt})]
    )


def prompt_sections() -> Plan:
    """A prompt with words, lines and a paragraph changed, and its last line break removed."""
    edited = (
        PROMPT.replace("Friendly and brief.", "Friendly, patient and brief.")
        .replace("- Never promise a grade.\n", "- Never promise a grade.\n- Use the language of the question.\n")
        .replace("name the page you used", "quote the page you used")
        .replace("Explain the idea with another example instead.\n", "Give a hint.")
    )
    return plan(
        [declared(SUPPORT, {**MATH, "instructions": edited})],
        [live("asst_1", SUPPORT, {**MATH, "instructions": PROMPT})],
    )


def prompt_one_line() -> Plan:
    """A few words edited in a prompt that is one very long line."""
    prompt = " ".join(f"Sentence {number} of the prompt." for number in range(300))
    edited = prompt.replace("Sentence 150 of", "Sentence 150 in").replace("Sentence 290 of the prompt. ", "")
    return plan(
        [declared(TUTOR, {**MATH, "instructions": edited})], [live("asst_1", TUTOR, {**MATH, "instructions": prompt})]
    )


def prompt_given_and_taken() -> Plan:
    """A prompt where there was none, and none where there was one."""
    without = {key: each for key, each in MATH.items() if key != "instructions"}
    wanted = [declared(TUTOR, {**MATH, "instructions": PROMPT}), declared(SUPPORT, without)]
    return plan(wanted, [live("asst_1", TUTOR, without), live("asst_2", SUPPORT, {**MATH, "instructions": PROMPT})])


def drift() -> Plan:
    """In one object somebody edited one field, both sides moved another, and the declarations a third."""
    applied: Spec = {**MATH, "temperature": 0.2, "metadata": {"team": "math"}}
    wanted: Spec = {**applied, "model": "gpt-6-luna", "name": "Math Coach"}
    edits = {"name": "Maths!", "temperature": 0.9, "instructions": "You are a personal tutor. Write code."}
    return plan([declared(TUTOR, wanted)], [live("asst_1", TUTOR, applied, edits=edits)])


def drift_only() -> Plan:
    """Only edits of somebody else: a prompt, a tool added, and a file of a store."""
    applied: Spec = {**MATH, "instructions": PROMPT}
    edits = {
        "instructions": PROMPT.replace("Never promise a grade.", "Promise good grades."),
        "tools": {"code_interpreter": {}, "file_search": {}},
    }
    files = {**knowledge("handbook/a.md", "a", 1_234), **knowledge("handbook/b.md", "b", 900, year=2026)}
    store: Spec = {"name": "Course handbook", "files": files}
    found = live("vs_1", HANDBOOK, store, files=(attached(2, "handbook/b.md", "b", 900, year=1999),))
    return plan(
        [declared(TUTOR, applied), declared(HANDBOOK, store)], [live("asst_1", TUTOR, applied, edits=edits), found]
    )


def unset() -> Plan:
    """Fields and metadata keys that are declared no more."""
    applied: Spec = {
        **MATH,
        "temperature": 0.2,
        "description": "Helps with maths.",
        "metadata": {"team": "math", "tier": "1"},
    }
    return plan([declared(TUTOR, {**MATH, "metadata": {"team": "math"}})], [live("asst_1", TUTOR, applied)])


def replacement() -> Plan:
    """A vector store that must be made anew, and the assistant that points at it."""
    files = knowledge("handbook/a.md", "a", 1_234)
    store: Spec = {"name": "Course handbook", "description": "Rules of the course", "files": files}
    support: Spec = {**MATH, "tools": {"file_search": {}}, "vector_store_ids": [Ref(HANDBOOK)]}
    found = [
        live("vs_1", HANDBOOK, {**store, "description": "Rules"}, files=(attached(1, "handbook/a.md", "a", 1_234),)),
        live("asst_1", SUPPORT, {**support, "vector_store_ids": ["vs_1"]}),
    ]
    return plan([declared(HANDBOOK, store), declared(SUPPORT, support)], found)


def protected() -> Plan:
    """Protected objects that are declared no more, and a tag that cannot be read."""
    unreadable = Live("asst_9", "assistant", tag_error="it has no version", damaged_tag=f"1;s={STACK};f=")
    return plan([], [live("asst_1", TUTOR, MATH, protect=True), live("asst_2", SUPPORT, MATH), unreadable])


def duplicates() -> Plan:
    """Two live objects with one address."""
    return plan([declared(TUTOR, MATH)], [live("asst_1", TUTOR, MATH), live("asst_2", TUTOR, MATH)])


def storage_costs() -> Plan:
    """With prices: a store that changes, whose other files tell of new ones, one that comes, and one that goes."""
    old, glossary = Address("vector_store", "archive"), Address("vector_store", "glossary")
    kept = knowledge("handbook/kept.md", "a", 1_000_000)
    store: Spec = {"name": "Course handbook", "files": {**kept, **knowledge("handbook/edited.md", "b", 2_000_000)}}
    cut = attached(3, "handbook/cut-otherwise.md", "c", 400)
    there = (
        replace(attached(1, "handbook/kept.md", "a", 0), usage=3_000_000),
        replace(attached(2, "handbook/edited.md", "9", 0), usage=1_500_000),
        replace(cut, usage=5_000, chunking={"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}),
    )
    store["files"] |= knowledge(cut.path or "", "c", 400)
    found = [
        replace(live("vs_1", HANDBOOK, {**store, "files": attached_spec(there)}, files=there), usage=4_505_000),
        replace(live("vs_2", old, {"name": "Archive"}, files=(attached(4, "old.pdf", "e", 0),)), usage=700_000_000),
    ]
    wanted = [
        declared(HANDBOOK, store),
        declared(glossary, {"name": "Glossary", "files": knowledge("glossary.md", "d", 12_000_000)}),
    ]
    made = plan(wanted, found)
    prices = Prices(Decimal("0.10"), "USD")
    return replace(made, storage=storage_change(made.steps, found, KINDS, prices))


def _sixty_files() -> tuple[Spec, tuple[LiveFile, ...]]:
    wanted: Spec = {}
    found: list[LiveFile] = []
    for number in range(60):
        path = f"handbook/chapter-{number:02}.md"
        if number < 52:
            wanted |= knowledge(path, "b" if number == 3 else "a", 1_000 + number, year=2026)
        if number < 10 or number >= 57:
            found.append(attached(number, path, "a", 1_000 + number, year=2025 if number == 5 else 2026))
    return wanted, tuple(found)


def files_many() -> Plan:
    """Sixty files: most are new, some are replaced, removed or get other attributes."""
    wanted, found = _sixty_files()
    store: Spec = {"name": "Course handbook", "files": wanted}
    applied: Spec = {"name": "Course handbook", "files": attached_spec(found)}
    return plan([declared(HANDBOOK, store)], [live("vs_1", HANDBOOK, applied, files=found)])


def files_few() -> Plan:
    """Every way in which a file can change."""
    wanted = {
        **knowledge("handbook/added.md", "a", 1_234),
        **knowledge("handbook/edited.md", "b", 2_345),
        **knowledge("handbook/relabelled.md", "c", 900, public=True, year=2026),
        **knowledge("handbook/slow.md", "d", 5_000_000),
        **knowledge("handbook/cut-otherwise.md", "e", 999),
    }
    found = (
        attached(2, "handbook/edited.md", "9", 2_300),
        attached(3, "handbook/relabelled.md", "c", 900, year=2025),
        attached(4, "handbook/slow.md", "d", 5_000_000, status="in_progress"),
        LiveFile(
            "file-5", "handbook/cut-otherwise.md", "e" * 64, "completed", 1, 999, {}, {"max_chunk_size_tokens": 100}
        ),
        attached(6, "handbook/gone.md", "f", 10),
        LiveFile("file-7", "handbook/failed.md", "1" * 64, "failed", 1, 10, {}, CHUNKING, "the file is damaged"),
    )
    store: Spec = {"name": "Course handbook", "files": {**wanted, **knowledge("handbook/failed.md", "1", 10)}}
    applied: Spec = {**store, "files": attached_spec(found)}
    return plan([declared(HANDBOOK, store)], [live("vs_1", HANDBOOK, applied, files=found)])


def function_schema() -> Plan:
    """Changes deep inside the parameters of a function, a new tool, a removed one."""
    edited: Spec = {
        **WEATHER,
        "description": "Current weather and forecast for a city or a region, in the unit people there commonly use.",
        "parameters": {
            **WEATHER["parameters"],
            "properties": {
                "city": {"type": "string", "description": "The city, in its own language."},
                "unit.of.measure": {"enum": ["C", "F"]},
            },
            "required": ["city", "unit.of.measure"],
        },
    }
    old: Spec = {**MATH, "tools": {"function/get_weather": WEATHER, "function/get_time": {"description": "The time."}}}
    new: Spec = {**MATH, "tools": {"function/get_weather": edited, "file_search": {"max_num_results": 8}}}
    return plan([declared(SUPPORT, new)], [live("asst_1", SUPPORT, old)])


def hostile() -> Plan:
    """Text that tries to move the cursor, colour the terminal, reorder or hide words."""
    old: Spec = {**MATH, "name": "Bot\x1b[31m red", "instructions": "Be honest.\nObey the user.\r\nEnd.\u200b"}
    new: Spec = {
        **MATH,
        "name": "Bot\x1b]0;owned\x07",
        "instructions": "Be honest.\n\x1b[2K\x1b[1AObey \u202eresu eht\u202c.\r\nEnd.\U000e0041\t\x00",
        "metadata": {"a.b c": "\u2066x\u2069", "\x1b[1m": "1"},
    }
    return plan(
        [declared(TUTOR, new)], [live("asst_1", TUTOR, old), stranger("asst_2", "assistant", "Bot\x1b]0;owned\x07")]
    )


def scripts() -> Plan:
    """Emoji, right-to-left and double-width text."""
    old: Spec = {
        **MATH,
        "name": "数学の先生",
        "instructions": "友好的に答えてください。\nশুভ সকাল 👩🏽‍🏫\nسلام، حال شما خوب است؟",
    }
    new: Spec = {
        **MATH,
        "name": "数学の先輩 🧮",
        "model": "gpt-6-luna",
        "instructions": "丁寧に答えてください。\nশুভ রাত্রি 👩🏽‍🚀\nسلام، حال شما چطور است؟",
    }
    return plan([declared(TUTOR, new)], [live("asst_1", TUTOR, old)])


def targets() -> Plan:
    """A plan that was narrowed to one address."""
    wanted = [declared(TUTOR, {**MATH, "model": "gpt-6-luna"}), declared(SUPPORT, MATH)]
    return plan(wanted, [live("asst_1", TUTOR, MATH)], targets=[TUTOR], environment="staging")


def metadata_keys() -> Plan:
    """Metadata is owned key by key: added, changed, edited outside and taken away."""
    old: Spec = {**MATH, "metadata": {"team": "math", "tier": "1", "region": "eu"}}
    new: Spec = {**MATH, "metadata": {"team": "care", "owner": "a.turing@example.org", "region": "eu"}}
    edits = {"metadata": {"team": "math", "tier": "1", "region": "us", "note": "by somebody else"}}
    return plan([declared(TUTOR, new)], [live("asst_1", TUTOR, old, edits=edits)])


def look_alike() -> Plan:
    """A new object that looks like one nobody manages."""
    return plan([declared(TUTOR, MATH)], [stranger("asst_7", "assistant", "Math Tutor")])


def foreign() -> Plan:
    """Objects of others: counted, never touched."""
    others = [
        stranger("asst_7", "assistant", "A"),
        stranger("asst_8", "assistant", "B"),
        stranger("vs_8", "vector_store", "C"),
        stranger("asst_9", "assistant", "D", stack="another"),
    ]
    return plan([declared(TUTOR, {**MATH, "model": "gpt-6-luna"})], [live("asst_1", TUTOR, MATH), *others])


def handovers() -> Plan:
    """Objects get another owner or another name, one of them with a change; nothing is made or deleted."""

    def said(verb: Any, address: Address, line: int, **more: Any) -> Handover:
        return Handover(verb, address, Position("assistants/handovers.yaml", line, 5), **more)

    critic, coach, gone = (Address("assistant", name) for name in ("critic", "coach", "gone"))
    found = [
        stranger("asst_1", "assistant", "Critic"),
        live("asst_2", TUTOR, MATH),
        live("asst_4", gone, MATH),
    ]
    theirs = live("asst_3", SUPPORT, MATH)
    found.append(replace(theirs, tag=replace(theirs.tag, stack="helpdesk") if theirs.tag else None))
    wanted = [
        declared(critic, {"name": "Critic", "model": "gpt-4o"}),
        declared(coach, {**MATH, "model": "gpt-6-luna"}),
        declared(SUPPORT, MATH),
    ]
    entries = [
        said("adopt", critic, 2, id="asst_1"),
        said("moved", coach, 4, origin=TUTOR),
        said("moved", coach, 5, origin=Address("assistant", "older")),
        said("takeover", SUPPORT, 7, stack="helpdesk"),
        said("release", gone, 9),
    ]
    return plan(wanted, found, handovers=entries)


def looks_renamed() -> Plan:
    """An address goes and one much like it comes: nobody said that it is the same object."""
    coach = Address("assistant", "coach")
    new = {**MATH, "instructions": f"{MATH['instructions']} Be brief."}
    return plan([declared(coach, new)], [live("asst_1", TUTOR, MATH)])


View = Literal["text", "summary", "full", "wide", "color", "markdown", "github", "page"]
BRIEF: tuple[View, ...] = ("text", "summary")
ALL: tuple[View, ...] = ("text", "summary", "full", "wide", "color")
PAGES: tuple[View, ...] = ("markdown", "github")

CASES: dict[str, tuple[Callable[[], Plan], tuple[View, ...]]] = {
    make.__name__.replace("_", "-"): (make, views)
    for make, views in [
        (empty, (*BRIEF, *PAGES)),
        (nothing_declared, BRIEF),
        (create, (*ALL, *PAGES)),
        (prompt_word, ("text", "summary", "color")),
        (prompt_sections, (*ALL, *PAGES, "page")),
        (prompt_one_line, ("text", "summary", "full", "color")),
        (prompt_given_and_taken, BRIEF),
        (drift, (*ALL, *PAGES, "page")),
        (drift_only, (*ALL, *PAGES)),
        (unset, BRIEF),
        (replacement, (*ALL, *PAGES, "page")),
        (protected, ("text", "summary", "full", *PAGES)),
        (duplicates, BRIEF),
        (files_many, ("text", "summary", "full", *PAGES)),
        (files_few, ALL),
        (storage_costs, (*BRIEF, *PAGES, "page")),
        (function_schema, ALL),
        (hostile, (*ALL, *PAGES, "page")),
        (scripts, ALL),
        (targets, BRIEF),
        (metadata_keys, ALL),
        (look_alike, BRIEF),
        (foreign, BRIEF),
        (handovers, (*ALL, *PAGES)),
        (looks_renamed, BRIEF),
    ]
}
