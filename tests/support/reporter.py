"""A client under load: reports numbered searches at a steady rate, and says which were accepted.

python -m tests.support.reporter FIRST COUNT PER_SECOND CLOSE_SECONDS
"""

from __future__ import annotations

import sys
import time

from streams.inputs.emitter import Emitter


def main() -> None:
    """Print `NUMBER EVENT_ID` of each search once it was accepted, then `closed` and whether all was sent."""
    first, count, rate, wait = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    emitter = Emitter(source="reporter", agency_id="lapd", provider="LACRIS", strict=True)
    began = time.monotonic()
    for number in range(first, first + count):
        event_id = emitter.emit(officer_id=f"P{number % 5}", case_number=str(number))
        print(number, event_id, flush=True)
        time.sleep(max(0.0, began + (number - first + 1) / rate - time.monotonic()))
    print("closed", emitter.close(wait), flush=True)


if __name__ == "__main__":
    main()
