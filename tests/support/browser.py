"""A headless browser in the hands of a test, where there is one: Chromium, told what to do through a pipe (the DevTools
protocol). It waits for what the page shows, never for time."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE = 30
"""Seconds after which what a test waits for is not going to come."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)


def find_browser() -> str | None:
    """The program, or None where there is no browser."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class PageError(AssertionError):
    """The page did not do what was asked of it."""


class Browser:
    """One page of a browser."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._numbers = itertools.count(1)
        self._received = b""
        self._session: str | None = None
        self.complaints: list[str] = []
        """What the page wrote to its console as an error, policies that it broke included."""
        self.requests: list[str] = []
        """The addresses that the page asked for."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Send a command and wait for its answer. Raises PageError when it is refused."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                if "error" in answer:
                    raise PageError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            piece = os.read(self._back, 1 << 16)
            if not piece:
                raise PageError("the browser ended")
            self._received += piece
        whole, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        return message

    def show(self, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """How wide the page is, and which colours the person prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; of a promise, what becomes of it."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise PageError(answer["exceptionDetails"]["exception"].get("description", "") + f"\n{script}")
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Until an expression holds, looked at whenever the page is drawn. Raises PageError with what is shown."""
        script = f"""new Promise((held) => {{
            const end = Date.now() + {PATIENCE * 1000};
            const look = () => ({condition}) ? held(true) : Date.now() > end ? held(false) : setTimeout(look, 15);
            look();
        }})"""
        for _ in range(3):
            try:
                held = self.run(script)
            except PageError as error:
                if "context was destroyed" in str(error) or "navigated" in str(error):
                    continue
                raise
            if not held:
                raise PageError(f"never: {condition}\n{self.text()[:2000]}\n{self.complaints}")
            return

    def text(self) -> str:
        """What a person reads."""
        return str(self.run("document.body.innerText"))

    def type(self, text: str) -> None:
        """Into the field that has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, code: int, text: str = "") -> None:
        """A key, with the number that Windows has for it."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def picture(self, file: Path, *, whole: bool = False) -> None:
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))


@contextlib.contextmanager
def running_browser(program: str, directory: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    ours_in, its_out = os.pipe()
    its_in, ours_out = os.pipe()
    # It reads from descriptor 3 and writes to 4, wherever those of ours happen to be.
    high_in, high_out = (fcntl.fcntl(each, fcntl.F_DUPFD, 20) for each in (its_in, its_out))
    os.close(its_in)
    os.close(its_out)
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$0" "$@" 3<&{high_in} 4>&{high_out}', program, *_FLAGS, f"--user-data-dir={directory}"],
        pass_fds=(high_in, high_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "HOME": str(directory)},
    )
    os.close(high_in)
    os.close(high_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
