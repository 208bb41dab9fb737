"""The spool keeps what was accepted, in order and within its limits, whoever is killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streams.inputs.emitter.slots import Slots
from streams.inputs.emitter.spool import Limits, Spool, SpoolClosed, SpoolFault, SpoolFull, look

LIMITS = Limits()


def add(spool: Spool, *numbers: int) -> None:
    for number in numbers:
        spool.add("search", f"id-{number}", b"lapd/P1", b"%d" % number)


def values(spool: Spool) -> list[int]:
    return [int(event.value) for event in spool.first(1_000_000)]


def test_events_come_back_in_order_also_after_it_was_opened_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", LIMITS)
    add(spool, *range(100))
    assert values(spool) == list(range(100))
    spool.done(spool.first(30))
    assert not spool.close()
    again = Spool(tmp_path / "s", LIMITS)
    assert again.count == 70
    add(again, 100)
    assert values(again) == list(range(30, 101))


def test_a_batch_is_bounded_by_events_and_bytes_and_has_one_at_least(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", LIMITS)
    for _ in range(10):
        spool.add("search", "id", b"k" * 10, b"v" * 90)
    assert len(spool.first(3)) == 3
    assert len(spool.first(10, 450)) == 4
    assert len(spool.first(10, 5)) == 1


def test_a_full_spool_refuses_the_newest_and_keeps_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", Limits(events=3))
    add(spool, 1, 2, 3)
    with pytest.raises(SpoolFull, match="FRWATCH_SPOOL_EVENTS"):
        add(spool, 4)
    assert values(spool) == [1, 2, 3]
    spool.done(spool.first(1))
    add(spool, 5)
    assert values(spool) == [2, 3, 5]
    small = Spool(tmp_path / "t", Limits(bytes=100))
    small.add("search", "id", b"k", b"v" * 60)
    with pytest.raises(SpoolFull):
        small.add("search", "id", b"k", b"v" * 60)
    assert Spool(tmp_path / "t", Limits(bytes=100)).count == 1


def test_what_kafka_never_takes_is_put_aside_and_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", LIMITS)
    add(spool, 1, 2, 3)
    spool.refuse([spool.first(3)[1]], "too large")
    assert values(spool) == [1, 3]
    spool.done(spool.first(2))
    assert not spool.close(), "the file is kept for the one that was put aside"
    assert look(tmp_path / "s")[::3] == (0, 1)


def test_the_files_are_the_owners_alone_and_an_empty_spool_leaves_none(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", LIMITS)
    add(spool, 1)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 3
    assert modes == {0o600}
    spool.done(spool.first(1))
    assert spool.close()
    assert not list(tmp_path.iterdir())
    with pytest.raises(SpoolClosed):
        add(spool, 2)


def test_what_was_sent_is_overwritten_in_the_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", LIMITS)
    spool.add("search", "id", b"lapd/OFFICER-77", b"v" * 100)
    add(spool, 2)
    spool.done(spool.first(1))
    spool.close()
    assert b"OFFICER-77" not in (tmp_path / "s").read_bytes()


def test_a_damaged_file_is_put_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"no database at all" * 400)
    spool = Spool(tmp_path / "s", LIMITS)
    add(spool, 1)
    assert values(spool) == [1]
    assert len(list(tmp_path.glob("s.damaged-*"))) == 1


def test_many_threads_add_at_once_while_another_takes_away(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", LIMITS)
    taken: list[int] = []
    adding = [threading.Thread(target=add, args=(spool, *range(n * 500, n * 500 + 500))) for n in range(4)]
    for thread in adding:
        thread.start()
    while any(thread.is_alive() for thread in adding) or spool.count:
        events = spool.first(97)
        taken += [int(event.value) for event in events]
        spool.done(events)
        spool.tidy()
    assert sorted(taken) == list(range(2000))
    for n in range(4):
        own = [value for value in taken if value // 500 == n]
        assert own == sorted(own)


ADD_AND_DIE = """
import os, signal, sys
from pathlib import Path
from streams.inputs.emitter.slots import Slots
from streams.inputs.emitter.spool import Limits
slot, spool = Slots(Path(sys.argv[1]), Limits()).own()
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 500):
    spool.add("search", "id", b"k", b"%d" % number)
print(slot.file.name, flush=True)
if sys.argv[3] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def run(folder: Path, first: int, then: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", ADD_AND_DIE, str(folder), str(first), then],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("spool-")
    return process


def test_a_killed_process_leaves_all_that_it_accepted_to_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    for first in (0, 500):
        assert run(folder, first, "die").wait(10) == -signal.SIGKILL
    slots = Slots(folder, LIMITS)
    slot, spool = slots.own()
    assert values(spool) == list(range(1000)), "both runs took the same file, one after the other"
    assert not list(slots.orphans())
    spool.close()
    slot.leave()


def test_processes_that_run_at_once_have_files_of_their_own_and_orphans_are_adopted(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    first, second = run(folder, 0, "live"), run(folder, 500, "live")
    slots = Slots(folder, LIMITS)
    states = {state.file.name: (state.in_use, state.held.events) for state in slots.states()}
    assert states == {"spool-0.sqlite": (True, 500), "spool-1.sqlite": (True, 500)}
    slot, spool = slots.own()
    assert slot.file.name == "spool-2.sqlite"
    assert not list(slots.orphans())
    second.kill()
    second.wait(10)
    [(orphan, left)] = slots.orphans()
    assert values(left) == list(range(500, 1000))
    assert not list(slots.orphans()), "it is taken"
    left.done(left.first(1000))
    assert left.close()
    orphan.leave()
    first.kill()
    first.wait(10)
    spool.close()
    slot.leave()


def test_a_process_takes_what_another_left_before_it_makes_a_file_of_its_own(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "spool", LIMITS)
    (first, empty), (second, left) = slots.own(), slots.own()
    add(left, 1, 2)
    for slot, spool in ((first, empty), (second, left)):
        spool.close()
        slot.leave()
    slot, spool = slots.own()
    assert (slot.file.name, values(spool)) == ("spool-1.sqlite", [1, 2])
    spool.close()
    slot.leave()


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o755)
    os.chmod(folder, 0o755)
    with pytest.raises(SpoolFault, match="chmod 700"):
        Slots(folder, LIMITS).own()
