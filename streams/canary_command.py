"""`frwatch alerts canary-key`: what a client, or the collector, signs canaries with."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter

from schemas.canary import EVERY, CanaryKey
from schemas.settings import load_settings

AsJson = Annotated[bool, Parameter("--json", negative=())]


def canary_key_command(source: str = EVERY, *, as_json: AsJson = False) -> None:
    """Print the key with which a client signs the canaries of its source, for FRWATCH_CANARY_KEY.

    Parameters
    ----------
    source:
        Whose: emit/SOURCE, for the emitter of a client. Without one, the key of all sources: the collector's.
    as_json:
        Print `source` and `key` as JSON.
    """
    key = CanaryKey.of_all(load_settings().require_key())
    chosen = key if source == EVERY else key.of(source)
    written = chosen.written()
    print(json.dumps({"source": source, "key": written}) if as_json else written)
