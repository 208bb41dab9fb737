"""Claims on dead letters, on the real engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sinks.clickhouse.dead_letters import DeadLetter, read_dead_letters
from sinks.clickhouse.redrives import claim_redrives, known_redrives, note_redrives
from tests.support.clickhouse import migrated_clickhouse

CAME = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)


def letter(number: int, came: datetime = CAME) -> DeadLetter:
    return DeadLetter(f"t{number % 3}", number % 7, number, came, "damaged", "", 1, None)


def test_of_two_runs_each_letter_is_claimed_by_one(tmp_path: Path) -> None:
    """As many letters as are sent together; and later claims, and letters of a topic that was made anew."""
    letters = [letter(number) for number in range(500)]
    begun = datetime.now(UTC)

    with migrated_clickhouse(tmp_path) as settings:
        assert known_redrives(settings, letters) == {}
        assert read_dead_letters(settings, [each.identity for each in letters]) == []

        def claim(run: int) -> set[object]:
            mine = letters[:400] if run == 0 else letters[:99:-1]
            return set(claim_redrives(settings, mine, begun + timedelta(microseconds=run), f"run {run}", {}))

        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(claim, range(2))
        assert not one & other
        assert one | other == {each.identity for each in letters}
        known = known_redrives(settings, letters)
        assert {each.became for each in known.values()} == {"unknown"}
        assert {place for place, each in known.items() if each.repaired_by == "run 0"} == one

        first = letters[0].identity
        later = begun + timedelta(seconds=1)
        assert claim_redrives(settings, letters[:1], later, "", known) == {first}
        assert claim_redrives(settings, letters[:1], later + timedelta(seconds=1), "", known) == set()
        note_redrives(settings, {first: known[first]._replace(begun_at=later, stands_at=(2, 9))})
        assert known_redrives(settings, letters[:1])[first][2:] == ("waiting", (2, 9))
        anew = letter(0, CAME + timedelta(microseconds=1))
        assert known_redrives(settings, [anew]) == {}
        assert claim_redrives(settings, [anew], later, "", {}) == {anew.identity}
