"""What an index says of files that are not read again is never wrong, and nothing depends on its being there."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from retinue.config import load
from retinue.kinds import all_kinds
from retinue.model.declared import Diagnostic
from retinue.session import STATE, Where, load_from
from retinue.state.digest_index import DIGESTS, RESOLUTION, WORTH_BYTES, WORTH_FILES, DigestIndex

SECOND = 10**9
LARGE = WORTH_BYTES
"""With files of this size, a single one is worth an index."""


def later() -> int:
    """A clock by which all that is on disk has settled."""
    return time.time_ns() + 10 * SECOND


def status_of(*, size: int = LARGE, changed: int = 0, inode: int = 1, modified: int | None = None) -> os.stat_result:
    """What a system would say of a file. Times are in nanoseconds, `changed` is that of whatever changed last."""
    times = (0, changed if modified is None else modified, changed)
    seconds = [each // SECOND for each in times]
    return os.stat_result((0o100644, inode, 1, 1, 0, 0, size, *seconds, *map(float, seconds), *times, 4096, 8, 0))


def sha(content: int) -> str:
    return hashlib.sha256(str(content).encode()).hexdigest()


def save(index: DigestIndex, directory: Path, now: int) -> None:
    """Write the index, at a time by the clock of its file system."""
    index.save()
    if (directory / DIGESTS).exists():
        os.utime(directory / DIGESTS, ns=(now, now))


# ── it is never wrong ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Disk:
    """Files on a file system whose clock goes by `tick` nanoseconds. Contents are numbers, all of the same size."""

    tick: int
    now: int = 1000 * SECOND
    files: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """name → content, time of its last change, inode"""
    _last: int = 0

    def shown(self, time: int) -> int:
        return time - time % self.tick

    def write(self, name: str) -> None:
        """Other content of the same size: in place, or as another file that takes the name."""
        self._last += 1
        kept = self.files.get(name, (0, 0, self._last))[2]
        self.files[name] = (self._last, self.now, kept if self._last % 3 else self._last)

    def status(self, name: str) -> os.stat_result:
        _, changed, inode = self.files[name]
        # Who sets the time of the last modification back cannot set that of the last change.
        return status_of(changed=self.shown(changed), modified=SECOND, inode=inode)


@pytest.mark.parametrize("tick", [1, SECOND // 250, SECOND, 2 * SECOND])
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_between_and_during_runs_no_file_is_taken_for_what_it_was(
    tmp_path: Path, tick: int, seed: int
) -> None:
    chance, disk = random.Random(seed), Disk(tick)
    pauses = (0, 1, SECOND // 1000, SECOND // 3, SECOND, 3 * SECOND)
    hits = 0
    for _ in range(80):
        index = DigestIndex(tmp_path, clock=lambda: disk.now)
        for name in chance.sample("abcdef", 6):
            disk.now += chance.choice(pauses)
            if name not in disk.files or chance.random() < 0.2:
                disk.write(name)
            status, content = disk.status(name), disk.files[name][0]
            known = index.known(name, status)
            if known is None:
                index.note(name, status, sha(content), LARGE)
            else:
                hits += 1
                assert known == (sha(content), LARGE)
            if chance.random() < 0.2:
                disk.now += chance.choice(pauses)
                disk.write(name)
        disk.now += chance.choice(pauses)
        save(index, tmp_path, disk.shown(disk.now))
    assert hits > 20, "an index that knows nothing is never wrong"


@pytest.mark.parametrize(
    "other",
    [
        status_of(size=LARGE + 1, changed=SECOND),
        status_of(changed=SECOND + 1),
        status_of(changed=SECOND, modified=5),
        status_of(changed=SECOND, inode=2),
    ],
)
def test_a_file_of_which_anything_is_different_is_read_again(tmp_path: Path, other: os.stat_result) -> None:
    index = DigestIndex(tmp_path, clock=lambda: 9 * SECOND)
    index.note("a", status_of(changed=SECOND), sha(1), LARGE)
    save(index, tmp_path, 9 * SECOND)
    assert DigestIndex(tmp_path).known("a", status_of(changed=SECOND)) == (sha(1), LARGE)
    assert DigestIndex(tmp_path).known("a", other) is None
    assert DigestIndex(tmp_path).known("b", status_of(changed=SECOND)) is None


def test_a_file_that_was_changed_as_late_as_the_index_is_read_again(tmp_path: Path) -> None:
    """The clock of the machine may be ahead of the one of the disk, as with a disk in the network."""
    index = DigestIndex(tmp_path, clock=lambda: 1000 * SECOND)
    index.note("a", status_of(changed=9 * SECOND), sha(1), LARGE)
    save(index, tmp_path, 9 * SECOND)
    assert DigestIndex(tmp_path).known("a", status_of(changed=9 * SECOND)) is None


def test_what_was_not_believed_is_not_believed_later_either(tmp_path: Path) -> None:
    """A later index is of a later time, so that it must not take over what may have been changed after it was read."""
    state, late = tmp_path / STATE, status_of(changed=9 * SECOND)
    (tmp_path / "a").write_text("which another environment has")
    index = DigestIndex(state, clock=lambda: 1000 * SECOND)
    index.note("a", late, sha(1), LARGE)
    save(index, state, 9 * SECOND)
    index = DigestIndex(state, clock=lambda: 1000 * SECOND)
    assert index.known("b", late) is None
    index.note("b", late, sha(2), LARGE)
    save(index, state, 20 * SECOND)
    assert DigestIndex(state).known("b", late) == (sha(2), LARGE)
    assert DigestIndex(state).known("a", late) is None


@pytest.mark.parametrize("late", [status_of(changed=8 * SECOND), status_of(changed=0, modified=2**62)])
def test_a_file_that_may_still_be_changing_is_not_noted(tmp_path: Path, late: os.stat_result) -> None:
    index = DigestIndex(tmp_path, clock=lambda: 8 * SECOND + RESOLUTION)
    index.note("a", late, sha(1), LARGE)
    index.save()
    assert not (tmp_path / DIGESTS).exists()


def test_times_out_of_all_bounds_are_no_error(tmp_path: Path) -> None:
    odd = status_of(changed=-(2**70))
    index = DigestIndex(tmp_path, clock=lambda: 9 * SECOND)
    index.note("a", odd, sha(1), LARGE)
    index.note("b", status_of(changed=-5 * SECOND), sha(2), LARGE)
    save(index, tmp_path, 9 * SECOND)
    assert DigestIndex(tmp_path).known("a", odd) is None
    assert DigestIndex(tmp_path).known("b", status_of(changed=-5 * SECOND)) == (sha(2), LARGE)


# ── nothing depends on it ─────────────────────────────────────────────────────────────────────────────────────────────


def noted(directory: Path) -> os.stat_result:
    """Write an index of one file."""
    status = status_of(changed=SECOND)
    index = DigestIndex(directory, clock=lambda: 9 * SECOND)
    index.known("a", status)
    index.note("a", status, sha(1), LARGE)
    save(index, directory, 9 * SECOND)
    assert DigestIndex(directory).known("a", status)
    return status


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing left": lambda _: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "the last byte missing": lambda data: data[:-1],
    "a byte more": lambda data: data + b"\0",
    "no line": lambda data: data.replace(b"\n", b" "),
    "of another version": lambda data: data.replace(b"digests 3", b"digests 4"),
    "something else": lambda _: b"retinue digests\n" + bytes(200),
    "of a later version, and sound": lambda data: _sound(data[:-32].replace(b"digests 3", b"digests 4")),
    "fewer than it says, and sound": lambda data: _sound(data[:-32].replace(b" 1\n", b" 7\n")),
    "no number, and sound": lambda data: _sound(data[:-32].replace(b" 1\n", b" x\n")),
}


def _sound(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_says_nothing_and_is_replaced(tmp_path: Path, damage: str) -> None:
    status = noted(tmp_path)
    file = tmp_path / DIGESTS
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert DigestIndex(tmp_path).known("a", status) is None
    assert noted(tmp_path)


def test_no_single_byte_can_be_changed_unseen(tmp_path: Path) -> None:
    status = noted(tmp_path)
    file = tmp_path / DIGESTS
    data = file.read_bytes()
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        os.utime(file, ns=(9 * SECOND, 9 * SECOND))
        assert DigestIndex(tmp_path).known("a", status) is None


@pytest.mark.parametrize("obstacle", ["file", "directory"])
def test_an_index_that_cannot_be_read_or_written_is_done_without(tmp_path: Path, obstacle: str) -> None:
    directory = tmp_path / STATE
    if obstacle == "file":
        directory.write_bytes(b"in the way")
    else:
        (directory / DIGESTS / "in the way").mkdir(parents=True)
    index = DigestIndex(directory, clock=later)
    assert index.known("a", status_of()) is None
    index.note("a", status_of(), sha(1), LARGE)
    index.save()
    assert sorted(each.name for each in tmp_path.rglob("*")) in ([".retinue"], [".retinue", DIGESTS, "in the way"])


def test_names_may_be_anything_that_a_system_takes(tmp_path: Path) -> None:
    index = DigestIndex(tmp_path, clock=later)
    names = ["a\nb", "Grüße 🎓.md", "\udc80", "x" * 4000]
    for each in names:
        index.note(each, status_of(), sha(1), LARGE)
    save(index, tmp_path, later())
    assert all(DigestIndex(tmp_path).known(each, status_of()) for each in names)


# ── when it is written ────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_written_for_much_and_not_for_little(tmp_path: Path) -> None:
    index = DigestIndex(tmp_path, clock=later)
    for each in range(WORTH_FILES - 1):
        index.note(f"{each}", status_of(size=10), sha(1), 10)
    index.save()
    assert list(tmp_path.iterdir()) == []
    index.note("one more", status_of(size=10), sha(1), 10)
    index.save()
    assert [each.name for each in tmp_path.iterdir()] == [DIGESTS]


class Counted(DigestIndex):
    """Counts the files that are asked about, and those that are read."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, later)
        self.asked: list[str] = []
        self.read: list[str] = []

    def known(self, path: str, status: os.stat_result) -> tuple[str, int] | None:
        self.asked.append(path)
        return super().known(path, status)

    def note(self, path: str, status: os.stat_result, sha256: str, size: int) -> None:
        self.read.append(path)
        super().note(path, status, sha256, size)


def project_of(root: Path, **files: str) -> Path:
    """A project whose store holds WORTH_FILES pages and what is given besides."""
    (root / "kb").mkdir(parents=True)
    (root / "retinue.yaml").write_text("stack: s\ninclude: [a.yaml]\nenvironments: {e: {vector_stores: {s: null}}}\n")
    (root / "a.yaml").write_text("vector_stores: {s: {files: ['kb/**']}}\n")
    for each in range(WORTH_FILES):
        (root / "kb" / f"{each}.md").write_text(f"Page {each}\r\n", newline="")
    for name, content in files.items():
        (root / "kb" / name.replace("_", ".")).write_text(content)
    return root


def read(
    root: Path, *, environment: str | None = None, instead: Mapping[str, bytes] = MappingProxyType({})
) -> tuple[dict[str, str], list[str]]:
    """The digests of the store's files as a run finds them out, and which of them it has to read."""
    index = Counted(root / STATE)
    found = load(root, environ={}, kinds=all_kinds(), digests=index, instead=instead, environment=environment)
    assert not [each for each in found.diagnostics if each.severity == "error"]
    save(index, root / STATE, later())
    files = [each for one in found.declarations for each in one.spec["files"]]
    return {each["path"]: each["sha256"] for each in files}, index.read


def uploaded(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def test_unchanged_files_are_not_read_again_and_come_to_the_same(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project", x_pdf="one\r\n")
    first, all_files = read(root)
    assert len(all_files) == len(first) == WORTH_FILES + 1
    assert first["kb/7.md"] == uploaded("Page 7\n"), "as it is uploaded, with the line ends of Unix"
    written = (root / STATE / DIGESTS).stat().st_ino
    assert read(root) == (first, [])
    assert (root / STATE / DIGESTS).stat().st_ino == written, "nothing new, nothing written"
    (root / STATE / DIGESTS).unlink()
    assert read(root) == (first, all_files)


def test_a_changed_file_is_read_and_the_others_are_not(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project")
    first, _ = read(root)
    (root / "kb/7.md").write_text("Page 8\r\n", newline="")
    (root / "kb/new.md").write_text("new")
    (root / "kb/8.md").unlink()
    second, again = read(root)
    assert again == ["kb/7.md", "kb/new.md"]
    expected = {**first, "kb/7.md": uploaded("Page 8\n"), "kb/new.md": uploaded("new")}
    del expected["kb/8.md"]
    assert second == expected


@pytest.fixture(params=["alone", "with a second process"])
def asking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the system is asked about files that are known."""
    if request.param != "alone":
        monkeypatch.setattr("retinue.state.digest_index.MANY", 1)


def found_in(root: Path, index: DigestIndex | None) -> tuple[list[dict[str, object]], list[Diagnostic]]:
    found = load(root, environ={}, kinds=all_kinds(), digests=index)
    return [dict(each.spec) for each in found.declarations], list(found.diagnostics)


@pytest.mark.usefixtures("asking")
def test_odd_files_come_to_the_same_with_an_index_and_without(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project", empty_md="", film_mp4="long", big_md="short", _md="hidden")
    named = "'kb/empty.md', {path: 'kb/1*.md', attributes: {a: b}}"
    forbidden = "'kb/big.md', 'kb/folder/.git/*.md'"
    stores = f"s: {{files: ['kb/**', '!kb/99.md']}}, t: {{files: [{named}]}}, u: {{files: [{forbidden}]}}"
    (root / "a.yaml").write_text(f"vector_stores: {{{stores}}}\n")
    (root / "kb/Grüße.md").write_text("Hello")
    (root / "kb/link.md").symlink_to("1.md")
    (root / "kb/out.md").symlink_to(tmp_path / "elsewhere.md")
    (root / "kb/more").symlink_to("folder")
    (root / "kb/folder").mkdir()
    (root / "kb/folder/1.md").write_text("Hello")
    (root / "kb/folder/.git").mkdir()
    (root / "kb/folder/.git/key.md").write_text("of a pipeline")
    (tmp_path / "elsewhere.md").write_text("not of the project")
    index = DigestIndex(root / STATE, later)
    found_in(root, index)
    with (root / "kb/big.md").open("wb") as file:
        file.truncate(512 * 1024 * 1024 + 1)
    for each in ("big.md", "empty.md", "film.mp4", "out.md", "folder/.git/key.md"):  # whoever has read them
        index.note(f"kb/{each}", (root / "kb" / each).stat(), sha(1), 5)
    save(index, root / STATE, later())
    assert (root / STATE / DIGESTS).exists()
    specs, diagnostics = found_in(root, None)
    assert {each.code for each in diagnostics} == {
        "file-too-large",
        "left-out",
        "linked-folder",
        "path-outside-project",
    }
    assert [len(each["files"]) for each in specs] == [102, 12, 0]  # type: ignore[arg-type]
    assert found_in(root, Counted(root / STATE))[1] == diagnostics
    empty = {"path": "kb/empty.md", "sha256": sha(1), "size": 5, "entry": 0}
    specs[1]["files"] = [empty if each["path"] == "kb/empty.md" else each for each in specs[1]["files"]]  # type: ignore[attr-defined]
    assert found_in(root, Counted(root / STATE))[0] == specs


@pytest.mark.usefixtures("asking")
def test_another_file_of_the_same_size_and_time_is_read(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project")
    read(root)
    before = (root / "kb/7.md").stat()
    (root / "new").write_text("Page 8\r\n", newline="")
    os.utime(root / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "new").replace(root / "kb/7.md")
    digests, again = read(root)
    assert (digests["kb/7.md"], again) == (uploaded("Page 8\n"), ["kb/7.md"])


@pytest.mark.usefixtures("asking")
def test_files_that_are_not_older_than_the_index_are_read(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project")
    first, all_files = read(root)
    oldest = min((root / each).stat().st_ctime_ns for each in first)
    os.utime(root / STATE / DIGESTS, ns=(oldest, oldest))
    assert read(root) == (first, all_files)


def test_a_link_that_is_set_to_another_file_of_the_same_size_is_read_again(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project", one_txt="1", two_txt="2")
    (root / "kb/link.md").symlink_to("one.txt")
    assert read(root)[0]["kb/link.md"] == uploaded("1")
    (root / "kb/link.md").unlink()
    (root / "kb/link.md").symlink_to("two.txt")
    digests, again = read(root)
    assert (digests["kb/link.md"], again) == (uploaded("2"), ["kb/link.md"])


def test_what_a_file_would_hold_is_neither_looked_up_nor_noted(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project")
    assert read(root, instead={"kb/7.md": b"Other7\r\n"})[0]["kb/7.md"] == uploaded("Other7\n")
    assert read(root)[0]["kb/7.md"] == uploaded("Page 7\n")
    assert read(root, instead={"kb/7.md": b"Other7\r\n"})[0]["kb/7.md"] == uploaded("Other7\n")
    assert read(root)[0]["kb/7.md"] == uploaded("Page 7\n")


def test_what_only_another_environment_has_stays_known_until_it_is_gone(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project")
    first, _ = read(root)
    (root / "kb/8.md").unlink()
    more = "vector_stores: {s: null, t: {files: ['more/*']}}"
    (root / "retinue.yaml").write_text(f"stack: s\ninclude: [a.yaml]\nenvironments: {{e: {{{more}}}}}\n")
    (root / "more").mkdir()
    for each in range(WORTH_FILES):
        (root / "more" / f"{each}.md").write_text("more")
    assert len(read(root, environment="e")[1]) == WORTH_FILES
    assert read(root) == ({path: each for path, each in first.items() if path != "kb/8.md"}, [])
    assert b"kb/8.md" not in (root / STATE / DIGESTS).read_bytes()


def test_every_command_reads_by_it(tmp_path: Path) -> None:
    """What an index says that somebody made up is what comes out, wherever a project is read."""
    root = project_of(tmp_path / "project")
    index = DigestIndex(root / STATE, later)
    for each in range(WORTH_FILES):
        index.note(f"kb/{each}.md", (root / f"kb/{each}.md").stat(), "ab" * 32, 5)
    save(index, root / STATE, later())
    (store,) = load_from(Where(root, environ={})).declarations
    assert {(each["sha256"], each["size"]) for each in store.spec["files"]} == {("ab" * 32, 5)}


# ── what is not even looked at ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("written", ["kb/**", "kb/big.md"])
def test_a_file_that_is_too_large_is_refused_by_its_size(tmp_path: Path, written: str) -> None:
    root = project_of(tmp_path / "project")
    (root / "a.yaml").write_text(f"vector_stores: {{s: {{files: ['{written}']}}}}\n")
    with (root / "kb/big.md").open("wb") as file:
        file.truncate(512 * 1024 * 1024 + 1)
    index = Counted(root / STATE)
    found = load(root, environ={}, kinds=all_kinds(), digests=index)
    assert [(each.code, each.message) for each in found.diagnostics] == [
        ("file-too-large", "'kb/big.md' has 536,870,913 bytes, over the API's 512 MiB")
    ]
    assert found.diagnostics[0].position
    assert "kb/big.md" not in index.asked


def test_what_is_left_out_for_its_type_is_not_read(tmp_path: Path) -> None:
    root = project_of(tmp_path / "project", film_mp4="long")
    index = Counted(root / STATE)
    found = load(root, environ={}, kinds=all_kinds(), digests=index)
    assert [each.code for each in found.diagnostics] == ["left-out"]
    assert "kb/film.mp4" not in index.asked
