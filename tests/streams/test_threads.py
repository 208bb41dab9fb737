from __future__ import annotations

import os
import subprocess
import sys

import pytest

from streams.threads import POLARS_THREADS

PROGRAM = """
from streams.threads import keep_threads_few
keep_threads_few()
import polars
print(polars.thread_pool_size())
"""


@pytest.mark.parametrize(("said", "threads"), [(None, POLARS_THREADS), ("3", 3)])
def test_a_worker_has_few_threads_of_polars_unless_it_is_told_otherwise(
    said: str | None, threads: int
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "POLARS_MAX_THREADS"}
    if said is not None:
        environment["POLARS_MAX_THREADS"] = said
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == threads
