"""One run: make the scenario, play it, wait, ask, check."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial

from deploy.demo.check import check
from deploy.demo.drain import wait_stored
from deploy.demo.expectation import Expectation, expect, sent_until
from deploy.demo.findings import ask, open_client
from deploy.demo.play import Player
from deploy.demo.result import QUESTIONS, Result, contradictions, measure
from deploy.demo.scenario import Scenario, make_scenario
from deploy.demo.screen import Screen
from deploy.demo.stack import DemoStack
from deploy.demo.stored import read_stored
from deploy.demo.watch import Watch
from schemas.settings import Settings

TELL_SECONDS = 5.0
"""How long after the last row is stored its finding may still be on its way to the watch."""


class Run:
    """The parts of a run: `player` sends, `watch` listens, `client` asks."""

    def __init__(
        self, stack: DemoStack, settings: Settings, screen: Screen, scenario: Scenario, parts: ExitStack
    ) -> None:
        self.scenario = scenario
        self.expected: Expectation = expect(scenario)
        self.screen = screen
        self.stack = stack
        self.client = open_client(settings)
        parts.callback(self.client.close)
        self.watch = Watch(settings)
        parts.callback(self.watch.close)
        self.player = Player(settings, scenario, self.expected.event_ids)
        parts.callback(self.player.close)
        self.watch.start()

    def send(self, last: int, rate: int | None = None) -> None:
        """Send up to message number `last`, with progress."""
        self.player.play(last, self._sending, rate)
        self.player.flush(self._sending)

    def settle(self, messages: int) -> bool:
        """Wait until the first `messages` messages are stored and nothing is behind."""
        wanted = sent_until(self.scenario, messages)
        return wait_stored(self.client, wanted, self.stack.lag, partial(self._storing, messages))

    def listen(self) -> None:
        """Wait until the watch has heard of every finding and dead letter, or is unlikely to."""
        deadline = time.monotonic() + TELL_SECONDS
        wanted = self.expected.violations.height, len(self.scenario.malformed)
        while time.monotonic() < deadline:
            self.watch.require()
            if len(self.watch.seen) >= wanted[0] and len(self.watch.dead) >= wanted[1]:
                return
            time.sleep(0.05)

    def _sending(self) -> None:
        self.watch.require()
        self.screen.advance(
            self.player.sent.messages, len(self.scenario.order), f"sent, {len(self.watch.seen)} findings"
        )
        self.screen.findings(self.watch.fresh)

    def _storing(self, messages: int, behind: int) -> None:
        self.watch.require()
        done = max(0, messages - behind)
        self.screen.advance(done, messages, f"stored, {len(self.watch.seen)} findings")
        self.screen.findings(self.watch.fresh)


def run(
    stack: DemoStack,
    settings: Settings,
    screen: Screen,
    events: int,
    seed: int,
    paced: int,
    rate: int,
    began: float,
) -> Result:
    """Play a scenario on a stack that is up and empty, and return what came of it.

    All but the last `paced` messages (a tenth at most) go at full speed; those go at `rate` a second once
    the others are stored.

    Raises:
        NotThere: Kafka or ClickHouse went away.
    """
    screen.phase(f"inventing {events:,} searches")
    scenario = make_scenario(events, seed)
    messages = len(scenario.order)
    first_paced = messages - min(paced, messages // 10)
    with ExitStack() as parts:
        this = Run(stack, settings, screen, scenario, parts)
        screen.phase("playing at full speed", messages)
        bulk_began = time.monotonic()
        this.send(first_paced)
        screen.phase("storing", first_paced)
        this.settle(first_paced)
        bulk = first_paced / (time.monotonic() - bulk_began)
        screen.phase(f"playing at {rate:,} events/s", messages)
        paced_since = time.time()
        this.send(messages, rate)
        screen.phase("storing the rest", messages)
        this.settle(messages)
        screen.phase("checking every event")
        this.listen()
        answers = {name: ask(this.client, name) for name in QUESTIONS}
        seen = list(this.watch.seen.values())
        faults = check(
            this.expected,
            read_stored(this.client),
            this.player.sent.malformed,
            [(each.event_id, each.rule) for each in seen],
            this.watch.dead,
        )
        speed = measure(this.player.sent, seen, paced_since, rate, bulk)
    faults += contradictions(this.expected, answers)
    return Result(scenario, this.expected, answers, speed, faults, time.monotonic() - began)
