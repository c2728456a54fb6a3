"""A real browser for tests, driven over a pipe: Chromium's own debugging protocol, and nothing but Python.

One message is one JSON object and a zero byte; the browser reads from its file 3 and writes to its file 4.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-sandbox",  # tests may run as root, and the page is our own
)
SECONDS = 60.0
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


def find() -> str | None:
    """The browser's program; ``CHROMIUM`` names one that is not on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """A headless browser with a profile of its own.

    Args:
        program: as ``find`` gives it.
        profile: an empty folder.
    """

    def __init__(self, program: str, profile: Path) -> None:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # High numbers first: 3 and 4 may be taken by these very pipes.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (theirs_in, theirs_out)]

        def place() -> None:
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        command = [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=place, pass_fds=(3, 4)
        )
        for end in (theirs_in, theirs_out, *high):
            os.close(end)
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        os.close(self._in)
        os.close(self._out)

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Ask and wait for the answer; events that come meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while True:
            answer = self._receive(until)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def wait(self, method: str, found: Callable[[dict[str, Any]], bool] = lambda event: True) -> dict[str, Any]:
        """The next event of that name, among those kept or to come."""
        until = time.monotonic() + SECONDS
        seen = 0
        while True:
            for event in self.events[seen:]:
                seen += 1
                if event.get("method") == method and found(event):
                    return event
            self.events.append(self._receive(until))

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(until - time.monotonic(), 0.0))
            if not ready:
                raise TimeoutError(f"the browser did not answer within {SECONDS:.0f} s")
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(message)
        return answer


class Page:
    """A page of a size and colour scheme.

    Args:
        browser: where it opens.
        width: of the view, in CSS pixels.
        height: of the view.
        dark: prefers dark colours.
    """

    def __init__(self, browser: Browser, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self.browser, self.width = browser, width
        target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self._target = target
        self._session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask of this page."""
        return self.browser.send(method, self._session, **params)

    def open(self, file: Path) -> None:
        """Load a file and wait until all is there."""
        self.send("Page.navigate", url=file.resolve().as_uri())
        self.browser.wait("Page.loadEventFired", lambda event: event.get("sessionId") == self._session)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, as JSON has it."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "script failed"))
        return answer["result"].get("value")

    def press(self, key: str, times: int = 1) -> None:
        """Press a key as a person would."""
        for _ in range(times):
            code = KEYS.get(key, ord(key[0].upper()))
            known = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
            self.send("Input.dispatchKeyEvent", type="keyDown", **known, **text)
            self.send("Input.dispatchKeyEvent", type="keyUp", **known)

    def picture(self, file: Path, whole: bool = False, top: int = 0, height: int = 0) -> None:
        """A screenshot: of the view, of the whole page, or of a strip of it."""
        params: dict[str, Any] = {}
        if whole or height:
            full = self.run("document.documentElement.scrollHeight")
            clip = {"x": 0, "y": top, "width": self.width, "height": height or full, "scale": 1}
            params = {"captureBeyondViewport": True, "clip": clip}
        file.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png", **params)["data"]))

    def said(self) -> list[str]:
        """What went to the console, exceptions and refusals of the content security policy included."""
        lines = []
        for event in self._events():
            if event["method"] == "Runtime.consoleAPICalled":
                lines.append(" ".join(str(a.get("value", a.get("description"))) for a in event["params"]["args"]))
            elif event["method"] == "Runtime.exceptionThrown":
                details = event["params"]["exceptionDetails"]
                lines.append(details.get("exception", {}).get("description", details["text"]))
            elif event["method"] == "Log.entryAdded":
                lines.append(event["params"]["entry"]["text"])
        return lines

    def asked(self) -> list[str]:
        """The addresses that were asked for, the page itself included."""
        events = [event for event in self._events() if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in events]

    def _events(self) -> list[dict[str, Any]]:
        self.run("0")  # what was under way has come in before the answer
        return [event for event in self.browser.events if event.get("sessionId") == self._session]

    def close(self) -> None:
        """Close the page."""
        self.browser.send("Target.closeTarget", targetId=self._target)
