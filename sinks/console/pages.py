"""Answers at the prompt: what is longer than the screen goes through a pager."""

from __future__ import annotations

import os

from sinks.console.outlet import Outlet
from sinks.console.table import Shown, render, width_of


class Pages(Outlet):
    """An outlet that pages: with PAGER, or `less`, which leaves at once what fits."""

    def show(self, shown: Shown) -> None:
        """Print a table, or hand it to the pager."""
        table = render(shown, width_of(self.out))
        if not self.out.is_terminal or len(self.out.render_lines(table)) < self.out.height - 2:
            self.out.print(table)
            return
        os.environ.setdefault("LESS", "-FRSX")
        with self.out.pager(styles=not self.out.no_color):
            self.out.print(table)
