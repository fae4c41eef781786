"""Controls a headless Chromium by WebDriver: JSON over HTTP to chromedriver."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
CHROMEDRIVER = shutil.which("chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key WebDriver names elements by

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowRight": "\ue014", "Shift": "\ue008"}


def has_user_namespaces() -> bool:
    """Whether chromium can make its sandbox: containers and some kernels don't allow that."""
    program = shutil.which("unshare")
    return program is not None and subprocess.run([program, "--user", "true"]).returncode == 0


class Browser:
    """One window; `scripts` switches the pages' own scripts off, `more` are Chromium's options."""

    def __init__(
        self,
        *,
        width: int = 1100,
        height: int = 900,
        dark: bool = False,
        scripts: bool = True,
        more: tuple[str, ...] = (),
    ) -> None:
        assert CHROMEDRIVER and CHROMIUM
        self._driver = subprocess.Popen(
            [CHROMEDRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._session = ""
        try:
            self._session = self._start(scripts, more)
            self.cdp(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self.cdp("Emulation.setEmulatedMedia", {"features": [scheme]})
        except BaseException:
            self.close()
            raise

    def _start(self, scripts: bool, more: tuple[str, ...]) -> str:
        assert self._driver.stdout is not None
        port = None
        for line in self._driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                port = found[1]
                break
        self._root = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--disable-gpu", "--mute-audio", "--hide-scrollbars", *more]
        arguments.append("--autoplay-policy=no-user-gesture-required")
        if os.geteuid() == 0 or not has_user_namespaces():
            arguments.append("--no-sandbox")  # the pages are our own
        options: dict[str, Any] = {"binary": CHROMIUM, "args": arguments}
        if not scripts:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        return f"/session/{answer['sessionId']}"

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = json.dumps(body or {}).encode() if method == "POST" else None
        try:
            with urlopen(Request(self._root + path, data, method=method), timeout=60) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from error

    def go(self, page: Path, fragment: str = "") -> None:
        self.open(page.as_uri() + fragment)

    def open(self, url: str) -> None:
        self._call("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str) -> Any:
        """The result of a function with this body."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def wait(self, script: str, *, seconds: float = 20.0) -> Any:
        """The first true value of the expression; fails after `seconds`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if value := self.run(f"return {script}"):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}")

    def _element(self, css: str) -> str:
        query = {"using": "css selector", "value": css}
        found = self._call("POST", f"{self._session}/element", query)
        return f"{self._session}/element/{found[ELEMENT]}"

    def click(self, css: str) -> None:
        """Click on the middle of the element, scrolled into view."""
        self._call("POST", f"{self._element(css)}/click")

    def type(self, css: str, text: str) -> None:
        self._call("POST", f"{self._element(css)}/value", {"text": text})

    def press(self, *names: str) -> None:
        """Press keys together, in the element that has the focus."""
        keys = [KEYS.get(name, name) for name in names]
        actions = [{"type": "keyDown", "value": key} for key in keys]
        actions += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self._call("POST", f"{self._session}/actions", {"actions": [source]})

    def text(self, css: str) -> str:
        return str(self._call("GET", f"{self._element(css)}/text"))

    def cdp(self, command: str, parameters: dict[str, object]) -> Any:
        body = {"cmd": command, "params": parameters}
        return self._call("POST", f"{self._session}/goog/cdp/execute", body)

    def complaints(self) -> list[str]:
        """The console's messages: errors, and what the page's policy blocked."""
        entries = self._call("POST", f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def requests(self) -> list[str]:
        """Every URL that the page requested since the last call."""
        entries = self._call("POST", f"{self._session}/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("GET", f"{self._session}/screenshot")))

    def close(self) -> None:
        steps: list[Callable[[], object]] = [self._driver.terminate, self._driver.wait]
        if self._session:
            steps.insert(0, lambda: self._call("DELETE", self._session))
        try:
            for step in steps:
                step()
        finally:
            if self._driver.stdout is not None:
                self._driver.stdout.close()
