from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerting.attempts import LONGEST_PAUSE, pause
from streams.alerting.limits import LONGEST_REST, OPENS_AFTER, Circuit, TokenBucket


@settings(deadline=None)
@given(st.integers(1, 1000), st.lists(st.floats(0, 10), max_size=300))
def test_a_bucket_lets_no_more_through_than_it_says(per_minute: int, waits: list[float]) -> None:
    bucket, now, sent = TokenBucket(per_minute, 0.0), 0.0, 0
    for wait in waits:
        now += wait
        sent += bucket.wait(now) == 0
    assert sent <= max(1, per_minute / 10) + now * per_minute / 60 + 1e-6


def test_a_bucket_says_when_the_next_one_may_go() -> None:
    bucket = TokenBucket(60, 0.0)
    while bucket.wait(0.0) == 0:
        pass
    wait = bucket.wait(0.0)
    assert 0 < wait <= 1
    assert bucket.wait(wait + 1e-9) == 0


def failed(circuit: Circuit, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        circuit.note(delivered=False, now=now)


def test_a_circuit_opens_after_failures_in_a_row_and_lets_one_probe_through() -> None:
    circuit = Circuit()
    failed(circuit, OPENS_AFTER - 1)
    assert (circuit.state, circuit.wait(0.0)) == ("closed", 0.0)
    circuit.note(delivered=True, now=0.0)
    failed(circuit, OPENS_AFTER)
    assert (circuit.state, circuit.wait(0.0)) == ("open", 1.0)
    assert circuit.wait(1.0) == 0.0
    assert (circuit.state, circuit.wait(1.0)) == ("half-open", None)
    failed(circuit, 30, 1.0)
    assert circuit.wait(1.0) is None, "what was on its way before is not the probe"
    circuit.note(delivered=True, now=1.0, probe=True)
    assert (circuit.state, circuit.wait(1.0)) == ("closed", 0.0)


def test_what_was_on_its_way_when_a_circuit_opened_makes_its_rest_no_longer() -> None:
    circuit = Circuit()
    failed(circuit, OPENS_AFTER + 30)
    assert circuit.wait(0.0) == 1.0


def test_a_circuit_rests_longer_each_time_but_never_for_ever() -> None:
    circuit, now, rests = Circuit(), 0.0, []
    failed(circuit, OPENS_AFTER)
    for _ in range(10):
        rest = circuit.wait(now)
        assert rest is not None
        rests.append(rest)
        now += rest
        assert circuit.wait(now) == 0.0
        circuit.note(delivered=False, now=now, probe=True)
    assert rests == [1, 2, 4, 8, 16, 32, *[LONGEST_REST] * 4]


def test_a_destination_that_asks_for_peace_gets_it() -> None:
    circuit = Circuit()
    circuit.rest(30.0)
    assert circuit.wait(10.0) == 20.0
    assert circuit.wait(30.0) == 0.0


@settings(deadline=None)
@given(st.integers(1, 1000), st.floats(0, 1))
def test_a_pause_is_jittered_and_bounded(attempts: int, draw: float) -> None:
    assert 0 <= pause(attempts, draw) <= min(LONGEST_PAUSE, 500_000 * 2 ** min(attempts - 1, 30))
    assert pause(attempts, 0.0) == 0
