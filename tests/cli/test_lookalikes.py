"""A difference that nobody can see is shown as one, in every form: the two sides of a change look different."""

from __future__ import annotations

import html
import json
import re
import unicodedata

import pytest

from retinue.report.text.lookalikes import escaped, looks, tell_apart
from tests.cli.conftest import Shell

SAME = {
    "no-break space": ("one two", "one\u00a0two"),
    "narrow no-break space": ("1 000", "1\u202f000"),
    "ideographic space": ("one two", "one\u3000two"),
    "thin space": ("one\u2009two", "one two"),
    "decomposed": ("caf\u00e9 au lait", "cafe\u0301 au lait"),
    "decomposed, a word": ("\u00fcber", "u\u0308ber"),
    "decomposed hangul": ("\uac00", "\u1100\u1161"),
    "angstrom": ("5 \u00c5", "5 \u212b"),
    "zero width space": ("onetwo", "one\u200btwo"),
    "joiner": ("one\u200dtwo", "onetwo"),
    "soft hyphen": ("onetwo", "one\u00adtwo"),
    "non-breaking hyphen": ("well-known", "well\u2011known"),
    "variation selector": ("\u2764 you", "\u2764\ufe0f you"),
    "another script": ("paypal", "p\u0430ypal"),
    "tab": ("one two", "one\ttwo"),
    "trailing blank": ("one two", "one two "),
    "trailing blanks": ("one two  ", "one two"),
    "direction": ("one two", "one \u200etwo"),
}
LINES = {
    **SAME,
    "blank line": ("", "   "),
}
STRIPPED = re.compile("[\u200b-\u200f\u2060-\u206f\u00ad\ufeff\ufe0e\ufe0f]")


def seen(text: str) -> str:
    """What a reader sees: blanks are alike and not seen at the ends, nor is what has no form; accents are in place."""
    plain = unicodedata.normalize("NFKC", STRIPPED.sub("", text)).replace("\u2010", "-").replace("\u0430", "a")
    return re.sub(r"\s+", " ", plain).strip()


def sides(line: str) -> tuple[str, str]:
    before, arrow, after = line.partition(" -> ")
    assert arrow, line
    return before.split(": ", 1)[1].strip("`"), after.split("  team.yaml")[0].strip("`")


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_both_sides_of_a_short_change_look_different(shell: Shell, before: str, after: str) -> None:
    text = "assistants:\n  bot: {{model: gpt-4o, name: {}, metadata: {{note: {}}}}}\n"
    shell.write("team.yaml", text.format(json.dumps(before), json.dumps(before)))
    assert shell("apply", "--yes").code == 0
    shell.write("team.yaml", text.format(json.dumps(after), json.dumps(after)))
    for form in ("text", "markdown", "github"):
        lines = [each for each in shell("plan", "--format", form).out.splitlines() if " -> " in each]
        assert len(lines) == 2, lines
        for each in lines:
            one, other = sides(each)
            assert seen(one) != seen(other), each
    page = shell.team.root / "plan.html"
    shell("plan", "--html", str(page))
    shown = [html.unescape(re.sub("<[^>]*>", "", each)) for each in page.read_text(encoding="utf-8").splitlines()]
    for each in [each for each in shown if " -> " in each]:
        one, other = sides(each)
        assert seen(one) != seen(other), each


def versions(text: str) -> tuple[list[str], list[str]]:
    """The lines that a diff removes and those that it adds, without signs, marks and places."""
    gone: list[str] = []
    come: list[str] = []
    for each in text.splitlines():
        found = re.fullmatch(r"\s*([-+])(?: +(.*))?", each)
        if found:
            plain = re.sub(r"\[-(.*?)-\]|\{\+(.*?)\+\}", lambda mark: mark[1] or mark[2] or "", found[2] or "")
            (gone if found[1] == "-" else come).append(seen(plain))
    return gone, come


@pytest.mark.parametrize(("before", "after"), LINES.values(), ids=LINES)
def test_both_versions_of_a_line_look_different(shell: Shell, before: str, after: str) -> None:
    shell.write("team.yaml", "assistants:\n  bot: {model: gpt-4o, instructions: {file: prompt.md}}\n")
    (shell.team.root / "prompt.md").write_bytes(f"First.\n{before}\nLast.\n".encode())
    assert shell("apply", "--yes").code == 0
    (shell.team.root / "prompt.md").write_bytes(f"First.\n{after}\nLast.\n".encode())
    for form in ("text", "markdown", "github"):
        gone, come = versions(shell("plan", "--format", form).out)
        assert len(gone) == len(come) == 1
        assert gone != come
    page = shell.team.root / "plan.html"
    shell("plan", "--html", str(page))
    table = page.read_text(encoding="utf-8").partition('class="beside"')[2].partition("</table>")[0]
    rows = [re.findall(r'<td class="t[^"]*">(.*?)</td>', each) for each in table.split("<tr>")]
    changed = [each for each in rows if len(each) == 2 and each[0] != each[1]]
    assert changed
    assert all(seen(re.sub("<[^>]*>", "", one)) != seen(re.sub("<[^>]*>", "", other)) for one, other in changed)


def test_drift_and_differences_show_it_too(shell: Shell) -> None:
    shell.write("team.yaml", 'assistants:\n  bot: {model: gpt-4o, name: "one two"}\n')
    shell("apply", "--yes")
    (bot,) = shell.team.listed("/assistants")
    shell.team.send("post", f"/assistants/{bot['id']}", {"name": "one\u00a0two"})
    for form in ("text", "markdown", "github", "junit"):
        assert "one\\u00a0two" in shell("drift", "--format", form).out
    shell.write(
        "retinue.yaml",
        "stack: test\ninclude: ['*.yaml']\nenvironments:\n  a: {}\n"
        '  b: {assistants: {bot: {name: "one\u00a0two"}}}\n',
    )
    for form in ("text", "markdown"):
        assert "one\\u00a0two" in shell("diff", "-e", "a", "-e", "b", "--format", form).out


def test_line_ends_are_seen(shell: Shell) -> None:
    shell.write("team.yaml", 'assistants:\n  bot: {model: gpt-4o, instructions: "One.\\nTwo.\\n"}\n')
    shell("apply", "--yes")
    (bot,) = shell.team.listed("/assistants")
    shell.team.send("post", f"/assistants/{bot['id']}", {"instructions": "One.\r\nTwo.\n"})
    for form in ("text", "markdown", "github"):
        assert "One.{+\\r+}" in shell("drift", "--format", form).out


def test_files_whose_names_look_the_same_are_told_apart(shell: Shell) -> None:
    """One system writes accents apart from their letters, and another does not."""
    shell.write("kb.yaml", "vector_stores:\n  kb: {name: KB, files: ['kb/*.md']}\n")
    shell.write("kb/caf\u00e9.md", "# One\n")
    shell("apply", "--yes")
    (shell.team.root / "kb/caf\u00e9.md").rename(shell.team.root / "kb/cafe\u0301.md")
    assert "kb/cafe\\u0301.md" in shell("plan").out
    assert "kb/caf\u00e9.md" in shell("plan").out


def test_keys_that_look_the_same_are_told_apart(shell: Shell) -> None:
    text = "assistants:\n  bot: {{model: gpt-4o, metadata: {{{}: x}}}}\n"
    shell.write("team.yaml", text.format('"cost center"'))
    shell("apply", "--yes")
    shell.write("team.yaml", text.format('"cost\u00a0center"'))
    assert 'metadata."cost\\u00a0center"' in shell("plan").out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Bonjour\u00a0! Prix\u00a0: 5\u00a0\u20ac", "Bonjour\u00a0! Prix\u00a0: 6\u00a0\u20ac"),
        ("\u043f\u0440\u0438\u0432\u0435\u0442", "\u043f\u0440\u0438\u0432\u0435\u0442\u0438\u043a"),
        ("\U0001f469\U0001f3fd\u200d\U0001f3eb", "\U0001f469\U0001f3fd\u200d\U0001f680"),
        ("\u0633\u0644\u0627\u0645", "\u0633\u0644\u0627\u0645\u062a"),
        ("caf\u00e9", "th\u00e9"),
    ],
)
def test_what_can_be_seen_is_left_alone(before: str, after: str) -> None:
    assert tell_apart(before, after) == (before, after)


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_what_looks_the_same_differs_in_escapes(before: str, after: str) -> None:
    if before.rstrip(" ") != after.rstrip(" ") and "\t" not in after:
        assert looks(before) == looks(after)
        assert escaped(before) != escaped(after)
        assert looks(tell_apart(before, after)[0]) != looks(tell_apart(before, after)[1])
