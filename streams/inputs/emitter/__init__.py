"""The emitter: what an FR client reports its searches with, in three lines.

from streams.inputs.emitter import Emitter

emitter = Emitter(source="lacris-web", agency_id="lapd", provider="LACRIS")

@emitter.reports(officer_id=lambda call: call.arguments["officer"], candidates=lambda call: len(call.result))
def search(image, officer): ...
"""

from streams.inputs.emitter.asynchronous import AsyncEmitter
from streams.inputs.emitter.counts import Counts
from streams.inputs.emitter.emitter import Emitter
from streams.inputs.emitter.log_handler import FrwatchHandler
from streams.inputs.emitter.probe import probe_hash
from streams.inputs.emitter.reports import Call

__all__ = ["AsyncEmitter", "Call", "Counts", "Emitter", "FrwatchHandler", "probe_hash"]
