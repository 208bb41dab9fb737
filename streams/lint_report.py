"""What is wrong with files of rules, told to a person or a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from schemas.yaml_file import Fault


def print_faults(faults: Sequence[Fault], fine: str, *, as_json: bool) -> int:
    """Print every fault, or `fine` where there is none, and return the exit status: 1 if there is one.

    As JSON it is an array of objects with `file`, `line`, `column` and `text`.
    """
    if as_json:
        print(json.dumps([fault.place._asdict() | {"text": fault.text} for fault in faults]))
    elif faults:
        for fault in faults:
            print(fault)
        print(f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}", file=sys.stderr)
    else:
        print(fine)
    return 1 if faults else 0
