"""The console in a real browser, where there is one: what a person sees of an account, and what no account can do."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.emulator.language_models.language_model import Finish, ModelError, TextDelta
from retinue.emulator.language_models.rehearsal import Rehearsal
from retinue.emulator.server.collection import random_id
from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.storage import Storage
from tests.emulator.conftest import HEADERS, Account, Clock
from tests.support.browser import Browser, find_browser, running_browser
from tests.support.scripted_model import Gate, Ran, ScriptedModel, ScriptedSandbox, Written, calls, says

PROGRAM = find_browser()
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: install Debian's package chromium"),
    pytest.mark.slow,
]

READ = "document.querySelector('h1') && !document.body.innerText.includes('Reading…')"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
OWNED = {"retinue": "1;s=shop;a=assistant.support;f=name:abcdef", "team": "support"}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(str(PROGRAM), tmp_path_factory.mktemp("profile")) as running:
        yield running


class Page:
    """The console of one account, and the account."""

    def __init__(self, browser: Browser, base_url: str, http: httpx2.Client) -> None:
        self.browser, self.http = browser, http
        self.account = Account(http, Clock())
        self.root = base_url.removesuffix("v1")
        self._opened = 0

    def open(self, *where: str) -> str:
        """Load a view anew; gives what a person reads."""
        self._opened += 1
        self.browser.open(f"{self.root}?{self._opened}#/{'/'.join(where)}")
        self.browser.wait_for(READ)
        return self.browser.text()

    def say(self, text: str) -> None:
        self.browser.run("document.querySelector('.composer textarea').focus()")
        self.browser.type(text)
        self.browser.press("Enter", code=13, text="\r")

    def wait_for(self, text: str) -> str:
        self.browser.wait_for(f"document.body.innerText.includes({json.dumps(text)})")
        return self.browser.text()

    def wait_until_answered(self) -> str:
        self.browser.wait_for("!document.querySelector('.composer button.main').disabled")
        return self.browser.text()


OpenPage = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Serve an account; when the test is over, the page has broken no rule and asked nobody else."""
    refused = re.compile(r"responded with a status of 4\d\d")

    @contextmanager
    def open_one(**options: Any) -> Iterator[Page]:
        with (
            running_server(tmp_path / "account", hosts=[], **options) as base_url,
            httpx2.Client(base_url=base_url, headers=HEADERS, verify=False, trust_env=False) as http,
        ):
            browser.complaints.clear()
            browser.requests.clear()
            browser.show()
            page = Page(browser, base_url, http)
            yield page
            asked = [each for each in browser.requests if not each.startswith((page.root, "data:", "blob:", "about:"))]
            assert asked == []
            assert [each for each in browser.complaints if not refused.search(each)] == []
            browser.open("about:blank#over")

    return open_one  # type: ignore[return-value]


def add_support(account: Account, **more: Any) -> str:
    given = {"name": "Support", "model": "gpt-4o", "instructions": "Be short.\n\n  Cite the handbook.", **more}
    return str(account.post("/assistants", metadata=OWNED, **given)["id"])


# ── What the account holds ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_account_says_what_to_do_next(open_page: OpenPage) -> None:
    with open_page() as page:
        shown = page.open()
        assert "Nothing yet." in shown
        assert "retinue apply" in shown
        for where in ("assistants", "agents", "vector_stores", "files", "skills", "vaults", "automations", "templates"):
            assert "retinue apply" in page.open(where), where
        for where in ("threads", "responses", "conversations"):
            assert "playground" in page.open(where)
        assert "There is no such page" in page.open("nothing")
        assert "No assistant found with id 'asst_gone'" in page.open("assistants", "asst_gone")


def test_an_assistant_shows_its_owner_and_its_whole_prompt(open_page: OpenPage) -> None:
    with open_page() as page:
        prompt = "".join(f"Rule {each}.\n" for each in range(400))
        assistant = add_support(page.account, instructions=prompt, tools=[FUNCTION, {"type": "code_interpreter"}])
        listed = page.open("assistants")
        assert "Support" in listed
        assert "assistant.support" in listed
        shown = page.open("assistants", assistant)
        assert "Owned by stack\nshop\nDeclared as\nassistant.support" in shown
        assert "Rule 0." in shown
        assert "Rule 399." in shown
        assert "get_weather" in shown
        assert "Declared in" not in shown


def test_an_object_shows_where_it_is_declared(open_page: OpenPage) -> None:
    places = {"shop": {"assistant.support": "assistants/support.yaml:4"}, "other": {"assistant.support": "x.yaml:1"}}
    with open_page(declared=lambda: places) as page:
        page.open("assistants", add_support(page.account))
        shown = page.wait_for("Declared in")
        assert "Declared as\nassistant.support\nDeclared in\nassistants/support.yaml:4\nteam" in shown


def test_agents_and_what_belongs_to_them_are_shown(open_page: OpenPage) -> None:
    with open_page() as page:
        tools = [
            {"type": "function", "name": "get_weather", "description": "Weather.", "parameters": {"type": "object"}}
        ]
        made = {
            "agents": page.account.post("/agents", name="Scout", model="gpt-4o", instructions="Look.", tools=tools)[
                "id"
            ],
            "vaults": page.account.post("/vaults", name="Keys")["id"],
            "skills": page.account.add_skill("sums"),
            "templates": page.account.post("/agents/environments/templates", name="Bench")["id"],
        }
        for (where, each), shown in zip(made.items(), ("Scout", "Keys", "sums", "Bench"), strict=True):
            assert shown in page.open(where), where
            assert shown in page.open(where, each), where
        agent = page.open("agents", made["agents"])
        assert "Look." in agent
        assert "get_weather" in agent


def test_a_store_shows_its_files_and_is_searched(open_page: OpenPage) -> None:
    with open_page() as page:
        files = (("refunds.md", b"A refund takes five days."), ("tea.md", b"Tea is at noon."), ("a.pdf", b"%PDF"))
        store = page.account.add_store(*files, name="Handbook")
        shown = page.open("vector_stores", store)
        page.wait_for("refunds.md")
        assert "2 ready · 1 failed" in shown
        assert "could not be parsed" in shown
        page.browser.press("/", code=191, text="/")
        page.browser.type("how long does a refund take")
        page.browser.press("Enter", code=13, text="\r")
        page.browser.wait_for("document.querySelector('.hit')")
        (hit,) = page.browser.run("[...document.querySelectorAll('.hit')].map((each) => each.innerText)")
        assert "A refund takes five days." in hit
        (found,) = page.account.post(f"/vector_stores/{store}/search", query="how long does a refund take")["data"]
        assert f"{found['score']:.3f}" in hit


def test_a_thread_shows_what_was_said_and_how(open_page: OpenPage) -> None:
    with open_page() as page:
        store = page.account.add_store(("refunds.md", b"A refund takes five days."))
        resources = {"file_search": {"vector_store_ids": [store]}}
        assistant = add_support(page.account, tools=[{"type": "file_search"}], tool_resources=resources)
        page.open("playground", "assistant", assistant)
        page.browser.wait_for("document.querySelector('#assistant').value")
        page.say("refund?")
        page.wait_until_answered()
        (thread,) = page.http.get(f"{page.root}_internal/threads").json()["data"]
        assert "refund?" in page.open("threads")
        shown = page.open("threads", thread["id"])
        assert "“A refund takes five days.” 1" in shown
        page.browser.run("document.querySelector('details summary').click()")
        steps = page.wait_for("Step 2: message")
        assert "Step 1: tools" in steps
        assert "Waited" in steps
        assert "Worked" in steps
        page.browser.run("document.querySelector('section details summary').click()")
        assert "A refund takes five days." in page.browser.run("document.querySelector('section .hit').innerText")


def test_responses_and_conversations_are_shown(open_page: OpenPage) -> None:
    with open_page() as page:
        conversation = page.account.post("/conversations")["id"]
        made = page.account.post("/responses", model="gpt-4o", input="Who are you?", conversation=conversation)
        assert "Who are you?" in page.open("responses")
        shown = page.open("responses", made["id"])
        assert "[rehearsal]" in shown
        assert conversation in shown
        assert "[rehearsal]" in page.open("conversations", conversation)


def test_a_long_list_is_read_page_by_page(open_page: OpenPage, tmp_path: Path) -> None:
    """Whatever its length, the first page costs one request; a filter reads on until it has found what there is."""
    storage = Storage(tmp_path / "account", new_id=random_id)
    with storage.transaction(write=True):
        for number in range(1_000):
            body = {"id": f"asst_{number:024}", "object": "assistant", "created_at": 1, "name": f"Number {number}"}
            storage.insert("assistant", {**body, "model": "gpt-4o", "tools": [], "metadata": {}})
    storage.close()
    with open_page() as page:
        rows = "document.querySelectorAll('tbody tr').length"
        page.open("assistants")
        assert page.browser.run(rows) == 50
        assert len([each for each in page.browser.requests if "/v1/assistants?" in each]) == 1
        page.browser.run("document.querySelector('main > button').click()")
        page.browser.wait_for(f"{rows} === 100")
        page.browser.press("/", code=191, text="/")
        page.browser.type("number 7")
        page.wait_for("found in")
        page.browser.run("document.activeElement.value = 'number 12'")
        page.browser.type("3")
        shown = page.wait_for("1 found in 1,000")
        assert "Number 123" in shown


def test_a_file_is_read_and_downloaded(open_page: OpenPage) -> None:
    with open_page() as page:
        words, picture = (
            page.account.add_file("notes.md", "Grüße, 世界".encode()),
            page.account.add_file("a.png", PIXEL),
        )
        page.open("files", words)
        page.browser.run("document.querySelector('.bar button').click()")
        page.wait_for("Grüße, 世界")
        page.open("files", picture)
        page.browser.run("document.querySelector('.bar button').click()")
        page.browser.wait_for("[...document.images].some((each) => each.complete && each.naturalWidth === 1)")


# ── What it must never do ─────────────────────────────────────────────────────────────────────────────────────────────


def test_whatever_the_account_holds_is_text(open_page: OpenPage) -> None:
    """Names, prompts, messages, file names, citations, URLs of pictures: none becomes an element or an address."""
    model = ScriptedModel(says(HOSTILE, "\n```html\n", HOSTILE, "\n```\n[x](javascript:alert(3))"))
    with open_page(language_model=model) as page:
        assistant = add_support(page.account, name=HOSTILE, description=HOSTILE, instructions=HOSTILE)
        store = page.account.add_store((f"{HOSTILE[:20]}.md", HOSTILE.encode()), name=HOSTILE)
        urls = ("http://127.0.0.1:9/a.png", "javascript:alert(4)", "data:image/svg+xml,<svg onload=alert(5)>")
        pictures = [{"type": "image_url", "image_url": {"url": each}} for each in urls]
        thread = page.account.post("/threads", messages=[{"role": "user", "content": pictures}])["id"]
        for where in ((), ("assistants",), ("assistants", assistant), ("vector_stores", store), ("threads", thread)):
            page.open(*where)
            assert page.browser.run("document.querySelectorAll('main img, main script, main svg').length") == 0
        assert "not loaded from there" in page.browser.text()
        page.open("playground", "assistant", assistant)
        page.browser.wait_for("document.querySelector('#assistant').value")
        page.say(HOSTILE)
        shown = page.wait_until_answered()
        assert shown.count("<script>alert(2)</script>") >= 3
        links = page.browser.run("[...document.querySelectorAll('a')].map((each) => each.getAttribute('href'))")
        assert all(each.startswith("#") for each in links)
        assert (
            page.browser.run("try { document.body.innerHTML = 'x'; 'made' } catch (error) { error.name }")
            == "TypeError"
        )
        page.browser.complaints.clear()


def test_the_key_is_asked_for_and_kept_nowhere(open_page: OpenPage) -> None:
    with open_page(api_key="key-of-the-test") as page:
        page.http.headers["authorization"] = "Bearer key-of-the-test"
        add_support(page.account)
        page.browser.open(f"{page.root}?key#/assistants")
        page.browser.wait_for("document.querySelector('#key').open")
        for given, then in (("wrong", "That is not the key"), ("key-of-the-test", "Support")):
            page.browser.type(given)
            page.browser.press("Enter", code=13, text="\r")
            page.wait_for(then)
        page.browser.wait_for("!document.querySelector('#key').open")
        stored = "JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie"
        kept = page.browser.run(f"document.documentElement.outerHTML + {stored}")
        assert "key-of-the-test" not in kept
        assert page.browser.run("document.querySelector('#key-field').value") == ""
        page.browser.open(f"{page.root}?again#/assistants")
        page.browser.wait_for("document.querySelector('#key').open")
        assert "Support" not in page.browser.text()


# ── The playground ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["assistant", "model"])
def test_words_are_shown_as_they_come(open_page: OpenPage, mode: str) -> None:
    gate = Gate()
    model = ScriptedModel((TextDelta("The first"), gate, TextDelta(" and the last."), Finish("stop")))
    with open_page(language_model=model) as page:
        assistant = add_support(page.account)
        page.open("playground", mode, assistant)
        page.browser.wait_for(f"document.querySelector('#{mode}').value")
        page.say("Go on.")
        gate.wait()
        shown = page.wait_for("The first")
        assert "the last" not in shown
        gate.open()
        assert "The first and the last." in page.wait_until_answered()
        assert "completed" in page.browser.text()


def test_a_function_is_answered_by_the_person(open_page: OpenPage) -> None:
    model = ScriptedModel(calls(("get_weather", '{"city":"Oslo"}')), says("It is cold."))
    with open_page(language_model=model) as page:
        page.open("playground", "assistant", add_support(page.account, tools=[FUNCTION]))
        page.browser.wait_for("document.querySelector('#assistant').value")
        page.say("How is the weather?")
        assert '"city": "Oslo"' in page.wait_for("Hand it back")
        page.wait_until_answered()
        page.browser.run("document.querySelector('form.notice textarea').focus()")
        page.browser.type("two degrees")
        page.browser.run("document.querySelector('form.notice').requestSubmit()")
        page.wait_for("It is cold.")
        page.wait_until_answered()
    assert "two degrees" in str(model.prompts[1].items[-1])


@pytest.mark.parametrize("mode", ["assistant", "model"])
def test_code_and_its_picture_are_shown(open_page: OpenPage, mode: str) -> None:
    code = "draw()"
    called = calls(("code_interpreter", json.dumps({"code": code})))
    model = ScriptedModel(called, says("See sandbox:/mnt/data/plot.png ."))
    sandbox = ScriptedSandbox({code: Ran("drawn\n", (Written("plot.png", PIXEL, "image/png"),))})
    with open_page(language_model=model, sandbox=sandbox) as page:
        page.open("playground", mode, add_support(page.account, tools=[{"type": "code_interpreter"}]))
        page.browser.wait_for(f"document.querySelector('#{mode}').value")
        if mode == "model":
            page.browser.run("document.querySelector('input[type=checkbox]').click()")
        page.say("Draw.")
        shown = page.wait_until_answered()
        assert code in shown
        assert "drawn" in shown
        assert "Download plot.png" in shown
        page.browser.wait_for("[...document.images].some((each) => each.complete && each.naturalWidth === 1)")


def test_why_a_run_failed_is_shown(open_page: OpenPage) -> None:
    model = ScriptedModel((ModelError("the endpoint is gone"),), (ModelError("it is still gone"),))
    with open_page(language_model=model) as page:
        assistant = add_support(page.account)
        for mode, reason in (("assistant", "the endpoint is gone"), ("model", "it is still gone")):
            page.open("playground", mode, assistant)
            page.browser.wait_for(f"document.querySelector('#{mode}').value")
            page.say("Hello?")
            assert "failed" in page.wait_for(reason)


# ── For everybody ─────────────────────────────────────────────────────────────────────────────────────────────────────

CONTRAST = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const behind = (node) => { for (let at = node; at; at = at.parentElement) {
    const color = parse(getComputedStyle(at).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color; } };
  const poor = [];
  for (const node of document.querySelectorAll('body *')) {
    const says = [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    if (!says || !node.checkVisibility() || node.closest(':disabled')) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) poor.push(node.outerHTML.slice(0, 80) + ' ' + ((a + .05) / (b + .05)).toFixed(2));
  }
  return poor;
})()"""
UNNAMED = """[...document.querySelectorAll('input, select, textarea, button, a, meter')]
  .filter((each) => each.checkVisibility() && !each.getAttribute('aria-label'))
  .filter((each) => !each.innerText?.trim() && !each.labels?.length).map((each) => each.outerHTML)"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_every_view_fits_and_can_be_read(open_page: OpenPage, width: int, *, dark: bool) -> None:
    """Nothing is wider than the screen, every text stands out (WCAG AA), every control has a name."""
    with open_page(language_model=Rehearsal()) as page:
        store = page.account.add_store((f"{'long-name-' * 8}.md", b"A refund takes five days."), name="W" * 200)
        resources = {"file_search": {"vector_store_ids": [store]}}
        assistant = add_support(
            page.account, tools=[{"type": "file_search"}], tool_resources=resources, instructions="x" * 900
        )
        page.browser.show(width, 800, dark=dark)
        page.open("playground", "assistant", assistant)
        page.browser.wait_for("document.querySelector('#assistant').value")
        page.say("refund " + "y" * 300)
        page.wait_until_answered()
        (thread,) = page.http.get(f"{page.root}_internal/threads").json()["data"]
        views = (("playground", "model"), (), ("assistants",), ("vector_stores",), ("assistants", assistant))
        for where in (None, *views, ("vector_stores", store), ("threads", thread["id"]), ("agents",)):
            if where is not None:
                page.open(*where)
            assert page.browser.run("document.documentElement.scrollWidth - innerWidth") <= 0, where
            assert page.browser.run(CONTRAST) == [], where
            assert page.browser.run(UNNAMED) == [], where


def test_the_keyboard_is_enough(open_page: OpenPage) -> None:
    with open_page() as page:
        add_support(page.account)
        page.open("assistants")
        focus = "document.activeElement.textContent || document.activeElement.getAttribute('aria-label')"
        reached = []
        for _ in range(20):
            page.browser.press("Tab", code=9)
            reached.append(page.browser.run(focus))
        assert reached[0] == "Skip to the content"
        assert reached.index("Playground") < reached.index("Filter the list") < reached.index("Support")
        page.browser.press("Enter", code=13, text="\r")
        page.open("assistants")
        page.browser.press("/", code=191, text="/")
        page.browser.type("nobody")
        page.wait_for("None of 1 has “nobody” in it.")
        page.browser.press("Escape", code=27)
        assert page.browser.run("document.activeElement === document.body")
