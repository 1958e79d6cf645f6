"""The same jobs done by others, each a process: `script`, as most people would write it, on the SDK's typed methods and
one call at a time; and `floor`, the fewest requests that the API allows for the job, sent raw, eight at once.

    python -m benchmarks.rivals script|floor JOB COUNT CHANGED

The account is that of OPENAI_BASE_URL, the files are those of the working directory. A script reads what the job is
about and compares it, as its user would; the floor knows what to send.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.projects import body, documents

AT_ONCE = 8
BATCH = 500
"""Files of a batch: the retrieval guide's limit."""
V2 = {"OpenAI-Beta": "assistants=v2"}


# ── as most people would write it ─────────────────────────────────────────────────────────────────────────────────────


def script_assistants(count: int, changed: int) -> None:
    """Bring the assistants of the account to what is declared, by name."""
    import openai

    client = openai.OpenAI()
    live = {each.name: each for each in client.beta.assistants.list(limit=100)}
    for number in range(count):
        wanted = body(number, changed)
        there = live.get(wanted["name"])
        if there is None:
            client.beta.assistants.create(**wanted)
        elif there.description != wanted["description"] or there.instructions != wanted["instructions"]:
            client.beta.assistants.update(there.id, **wanted)


def script_new_assistants(count: int, _changed: int) -> None:
    import openai

    client = openai.OpenAI()
    for number in range(count):
        client.beta.assistants.create(**body(number))


def script_files(count: int, _changed: int) -> None:
    """Bring the files of a store to what is in the directory, by a digest in their attributes."""
    import openai

    client = openai.OpenAI()
    store = next(each for each in client.vector_stores.list(limit=100) if each.name == "Pages")
    live: dict[str, tuple[str, str]] = {}
    for file in client.vector_stores.files.list(store.id, limit=100):
        attributes = file.attributes or {}
        name = attributes.get("path") or attributes.get("retinue.path")
        live[str(name)] = (file.id, str(attributes.get("sha256") or attributes.get("retinue.sha256")))
    for path in documents(Path(), count):
        content = path.read_bytes()
        sha256, known = hashlib.sha256(content).hexdigest(), live.get(path.as_posix())
        if known and sha256.startswith(known[1]):
            continue
        made = client.files.create(file=(path.name, content), purpose="assistants")
        client.vector_stores.files.create_and_poll(
            made.id, vector_store_id=store.id, attributes={"path": path.as_posix(), "sha256": sha256}
        )
        if known:
            client.vector_stores.files.delete(known[0], vector_store_id=store.id)
            client.files.delete(known[0])


def script_new_files(count: int, changed: int) -> None:
    import openai

    openai.OpenAI().vector_stores.create(name="Pages")
    script_files(count, changed)


def script_nothing(_count: int, _changed: int) -> None:
    import openai

    list(openai.OpenAI().beta.assistants.list(limit=100))


def script_validate(_count: int, _changed: int) -> None:
    import yaml

    for path in sorted(Path("declared").glob("*.yaml")):
        yaml.safe_load(path.read_text(encoding="utf-8"))


def script_scan(count: int, _changed: int) -> None:
    for path in documents(Path(), count):
        hashlib.sha256(path.read_bytes()).hexdigest()


# ── as few requests as the API allows ─────────────────────────────────────────────────────────────────────────────────


class Raw:
    """Requests on one connection a thread."""

    def __init__(self) -> None:
        self.base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
        self.local = threading.local()

    def send(self, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None) -> Any:
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.base.hostname or "", self.base.port)
        sent = {"Authorization": "Bearer bench", **V2, **(headers or {})}
        if data is not None and not isinstance(data, bytes):
            data, sent["Content-Type"] = json.dumps(data).encode(), "application/json"
        self.local.connection.request(method, self.base.path + path, data, sent)
        response = self.local.connection.getresponse()
        answer = json.loads(response.read())
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {answer}")
        return answer

    def pages(self, path: str) -> Iterator[Any]:
        after = ""
        while True:
            answer = self.send("GET", f"{path}?limit=100&order=asc{after}")
            yield from answer["data"]
            if not answer["has_more"]:
                return
            after = f"&after={answer['last_id']}"


def each_of(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))


def floor_assistants(_count: int, changed: int) -> None:
    raw = Raw()
    ids = {each["name"]: each["id"] for each in raw.pages("/assistants")}
    wanted = [body(number, changed) for number in range(changed)]
    each_of(lambda each: raw.send("POST", f"/assistants/{ids[each['name']]}", each), wanted)


def floor_new_assistants(count: int, _changed: int) -> None:
    raw = Raw()
    each_of(lambda number: raw.send("POST", "/assistants", body(number)), range(count))


def upload(raw: Raw, path: Path) -> str:
    lines = [
        b'--bench\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n',
        f'--bench\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode(),
        path.read_bytes(),
        b"\r\n--bench--\r\n",
    ]
    headers = {"Content-Type": "multipart/form-data; boundary=bench"}
    return str(raw.send("POST", "/files", b"".join(lines), headers)["id"])


def attach(raw: Raw, store: str, ids: list[str]) -> None:
    def one(batch: list[str]) -> None:
        made = raw.send("POST", f"/vector_stores/{store}/file_batches", {"file_ids": batch})
        while raw.send("GET", f"/vector_stores/{store}/file_batches/{made['id']}")["status"] == "in_progress":
            pass

    each_of(one, [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)])


def floor_new_files(count: int, _changed: int) -> None:
    raw = Raw()
    store = raw.send("POST", "/vector_stores", {"name": "Pages"})["id"]
    attach(raw, store, each_of(lambda path: upload(raw, path), documents(Path(), count)))


def floor_files(_count: int, changed: int) -> None:
    """One look at the store, whose tag says what it holds; then new content in, and old content out. Which files are
    the old ones is not asked: any will do, since this is about the number of requests."""
    raw = Raw()
    store = next(each["id"] for each in raw.pages("/vector_stores") if each["name"] == "Pages")
    if not changed:
        return
    fresh = each_of(lambda path: upload(raw, path), list(documents(Path(), changed)))
    attach(raw, store, fresh)
    each_of(lambda file: raw.send("DELETE", f"/vector_stores/{store}/files/{file}"), fresh)
    each_of(lambda file: raw.send("DELETE", f"/files/{file}"), fresh)


def floor_nothing(_count: int, _changed: int) -> None:
    Raw().send("GET", "/vector_stores?limit=100")


def floor_validate(_count: int, _changed: int) -> None:
    import yaml

    loader = getattr(yaml, "CLoader", yaml.Loader)
    for path in sorted(Path("declared").glob("*.yaml")):
        for _ in yaml.parse(path.read_text(encoding="utf-8"), Loader=loader):
            pass


if __name__ == "__main__":
    who, job, number, edited = sys.argv[1:]
    globals()[f"{who}_{job.replace('-', '_')}"](int(number), int(edited))
