"""The spools of a folder: what they hold, and sending what ended processes left there."""

from __future__ import annotations

import json
import time

from schemas.errors import NotThere
from schemas.settings import Settings
from streams.inputs.emitter.delivery import Delivery
from streams.inputs.emitter.sender import BATCH
from streams.inputs.emitter.slots import Slots
from streams.inputs.emitter.spool import Limits


def drain_spools(settings: Settings, wait: float, *, as_json: bool) -> int:
    """Send what no living process has; exit status 3 where Kafka does not take it all in time."""
    deadline = time.monotonic() + wait
    sent = left = 0
    delivery = Delivery(settings)
    try:
        for slot, spool in _slots(settings).orphans():
            try:
                while (events := spool.first(BATCH)) and time.monotonic() < deadline:
                    found = delivery.deliver(events, lambda: time.monotonic() > deadline, spool.tidy)
                    spool.done(found.acknowledged)
                    spool.refuse(found.never, "Kafka refuses it")
                    sent += len(found.acknowledged)
                    if len(found.acknowledged) + len(found.never) < len(events):
                        break
                left += spool.count
            finally:
                spool.close()
                slot.leave()
    finally:
        delivery.close()
    print(json.dumps({"sent": sent, "left": left}) if as_json else f"sent {sent:,}, {left:,} left")
    if left:
        raise NotThere(
            f"Kafka at {settings.kafka} did not take {left} events within {wait:g} s; they stay in "
            f"{settings.spool_folder}: start it, or set FRWATCH_KAFKA"
        )
    return 0


def show_spools(settings: Settings, *, as_json: bool) -> int:
    """Say what each spool of the folder holds, and whose it is."""
    states = _slots(settings).states()
    now = time.time()
    told = [
        {
            "file": str(state.file),
            "in_use": state.in_use,
            "events": state.held.events,
            "bytes": state.held.bytes,
            "oldest_seconds": None if state.held.oldest is None else round(now - state.held.oldest / 1e6, 3),
            "unsendable": state.held.refused,
        }
        for state in states
    ]
    if as_json:
        print(json.dumps(told))
        return 0
    if not told:
        print(f"no spools in {settings.spool_folder}")
    for each in told:
        age = f", the oldest for {each['oldest_seconds']:.0f} s" if each["oldest_seconds"] is not None else ""
        put_aside = f", {each['unsendable']:,} that Kafka never takes" if each["unsendable"] else ""
        use = "in use" if each["in_use"] else "left by an ended process"
        print(f"{each['file']}: {use}, {each['events']:,} wait ({each['bytes']:,} bytes){age}{put_aside}")
    return 0


def _slots(settings: Settings) -> Slots:
    limits = Limits(settings.spool_events, settings.spool_bytes)
    return Slots(settings.spool_folder, limits, power_safe=settings.spool_power_safe)
