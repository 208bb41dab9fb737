"""A real pseudo-terminal around a command, and its screen as a person sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pexpect
import pyte

from tests.support.worker import until

ROWS, COLUMNS = 40, 100


class _Screen(pyte.Screen):
    """A screen that answers a program which asks where the cursor is."""

    def __init__(self, reply: Callable[[str], None]) -> None:
        super().__init__(COLUMNS, ROWS)
        self._reply = reply

    def write_process_input(self, data: str) -> None:
        self._reply(data)


class Terminal:
    """A command in a terminal of 40 rows and 100 columns, which answers where its cursor is."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._screen = _Screen(self.type)
        self._stream = pyte.Stream(self._screen)
        self._child: Any = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=os.environ | {"TERM": "xterm-256color", "PAGER": "cat"} | environment,
            dimensions=(ROWS, COLUMNS),
            encoding="utf-8",
        )

    def screen(self) -> str:
        """What stands on the screen by now."""
        try:
            while True:
                self._stream.feed(self._child.read_nonblocking(65536, timeout=0.02))
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def type(self, text: str) -> None:
        """Press keys, `\\r` for Enter, `\\t` for Tab, `\\x03` for Ctrl-C."""
        self._child.send(text)

    def until(self, shown: str | Callable[[str], bool]) -> str:
        """Return the screen once it shows a text, or what is asked of it holds."""
        found = shown if callable(shown) else lambda screen: shown in screen

        def screen() -> str:
            now = self.screen()
            return now if found(now) else ""

        try:
            return until(screen, f"the screen shows {shown!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def ended(self) -> int:
        """Return the exit status of the command, once it has ended."""
        until(lambda: self.screen() is not None and not self._child.isalive(), "the command ends")
        return int(self._child.exitstatus)

    def close(self) -> None:
        """End the command, if it still runs."""
        self._child.close(force=True)
