"""One test for each row of the table in `streams.ledger`, and for each way a range can go."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ledger import Chunk, CutShort, Ledger, Partition, Progress, RetentionOvertook, progress

P = Partition("fr.searches", 0)
Q = Partition("fr.searches", 1)
ID = "topic-id"


OLD, NEW = "a" * 64, "b" * 64


def chunk(first: int, last: int, partition: Partition = P, judged_by: str = "") -> Chunk:
    offsets = np.arange(first, last + 1)
    return Chunk(partition, offsets, {"searches": pl.DataFrame({"kafka_offset": offsets})}, judged_by)


def ledger(*, owed: int = 0, replay_to: int | None = None) -> Ledger:
    made = Ledger()
    made.assign({P: Progress(ID, owed, replay_to)})
    return made


def spans(book: Ledger) -> list[tuple[int, int]]:
    return [(held.first, held.last) for held in book.take()]


def offsets(book: Ledger) -> list[list[int]]:
    found = []
    for held in book.take():
        rows = held.rows("searches")
        found.append([] if rows is None else rows["kafka_offset"].to_list())
    return found


class TestProgress:
    """What a new owner does with what was committed."""

    def test_nothing_committed_begins_at_the_beginning(self) -> None:
        assert progress(P, None, "", ID, 5, 9) == Progress(ID, 5)
        assert progress(P, -1, "", ID, 5, 9) == Progress(ID, 5)

    def test_our_note_without_a_range_goes_on(self) -> None:
        assert progress(P, 7, f"frwatch/1 {ID}", ID, 0, 9) == Progress(ID, 7)

    def test_our_note_with_a_range_replays_it(self) -> None:
        assert progress(P, 7, f"frwatch/1 {ID} pending 7-8", ID, 0, 9) == Progress(ID, 7, 8)

    @pytest.mark.parametrize("note", ["frwatch/1 other", "frwatch/1 other pending 7-8"])
    def test_a_topic_made_anew_begins_at_its_beginning(self, note: str) -> None:
        assert progress(P, 7, note, ID, 0, 3) == Progress(ID, 0)

    @pytest.mark.parametrize("note", ["", "another program's", "frwatch/1", "frwatch/2 x pending 1-2"])
    def test_no_note_or_a_foreign_one_goes_on_from_the_offset(self, note: str) -> None:
        assert progress(P, 7, note, ID, 0, 9) == Progress(ID, 7)

    def test_an_offset_that_retention_has_overtaken_stops_and_says_what_to_do(self) -> None:
        with pytest.raises(RetentionOvertook, match=r"searches/0: offset 3 .* before 5: 2 offsets .*accept"):
            progress(P, 3, f"frwatch/1 {ID}", ID, 5, 9)

    def test_an_offset_beyond_the_end_stops(self) -> None:
        with pytest.raises(CutShort, match="Kafka ends at 9"):
            progress(P, 12, "", ID, 0, 9)

    def test_a_note_is_what_a_range_writes(self) -> None:
        book = ledger(owed=3)
        book.add(chunk(3, 8))
        (held,) = book.take()
        assert progress(P, held.first, held.note, ID, 0, 9) == Progress(ID, 3, 8)
        assert progress(P, held.last + 1, held.done_note, ID, 0, 9) == Progress(ID, 9)


class TestNewRange:
    def test_chunks_become_one_range_from_what_is_owed(self) -> None:
        book = ledger(owed=3)
        book.add(chunk(3, 5))
        book.add(chunk(6, 9))
        assert spans(book) == [(3, 9)]
        assert offsets(book) == [[3, 4, 5, 6, 7, 8, 9]]

    def test_what_was_taken_before_is_dropped(self) -> None:
        book = ledger(owed=3)
        book.add(chunk(0, 2))
        assert spans(book) == []
        book.add(chunk(3, 5))
        book.add(chunk(4, 5))
        book.add(chunk(3, 5))
        assert offsets(book) == [[3, 4, 5]]

    def test_of_an_overlap_the_new_part_is_taken(self) -> None:
        book = ledger(owed=3)
        book.add(chunk(1, 5))
        assert offsets(book) == [[3, 4, 5]]
        book.add(chunk(4, 8))
        assert offsets(book) == [[3, 4, 5]], "the range that was handed out stays as it is"
        book.stored(book.take()[0])
        assert offsets(book) == [[6, 7, 8]]

    def test_what_was_stored_is_dropped(self) -> None:
        book = ledger()
        book.add(chunk(0, 4))
        book.stored(book.take()[0])
        book.add(chunk(0, 4))
        assert spans(book) == []

    def test_a_gap_in_the_offsets_belongs_to_the_range(self) -> None:
        book = ledger(owed=3)
        book.add(chunk(7, 9))
        assert spans(book) == [(3, 9)]

    def test_what_comes_while_a_range_is_stored_is_the_next_one(self) -> None:
        book = ledger()
        book.add(chunk(0, 4))
        (held,) = book.take()
        book.add(chunk(5, 6))
        assert spans(book) == [(0, 4)]
        book.stored(held)
        assert spans(book) == [(5, 6)]
        assert book.owed() == {P: 5}

    def test_a_range_without_rows_moves_the_offset_on(self) -> None:
        book = ledger()
        book.add(Chunk(P, np.arange(0, 3), {}))
        (held,) = book.take()
        assert held.rows("searches") is None
        book.stored(held)
        assert book.owed() == {P: 3}

    def test_partitions_go_their_own_ways(self) -> None:
        book = Ledger()
        book.assign({P: Progress(ID, 0), Q: Progress(ID, 10)})
        book.add(chunk(0, 1))
        book.add(chunk(10, 12, Q))
        assert sorted(spans(book)) == [(0, 1), (10, 12)]
        assert book.buffered == 5

    def test_a_chunk_of_a_partition_that_is_not_in_hand_is_refused(self) -> None:
        with pytest.raises(KeyError):
            ledger().add(chunk(0, 1, Q))


class TestRipeness:
    """Where there is a backlog, a range is left to grow until it is worth an insert."""

    def two(self, sizes: tuple[int, int]) -> Ledger:
        book = Ledger()
        book.assign({P: Progress(ID, 0), Q: Progress(ID, 0)})
        book.add(chunk(0, sizes[0] - 1, P))
        book.add(chunk(0, sizes[1] - 1, Q))
        return book

    def test_the_large_one_is_taken_and_the_small_one_grows(self) -> None:
        book = self.two((10, 3))
        assert [held.partition for held in book.take(ripe=10)] == [P]
        book.add(chunk(3, 9, Q))
        assert sorted((held.partition, held.last) for held in book.take(ripe=10)) == [(P, 9), (Q, 9)]

    def test_where_none_is_large_all_are_taken(self) -> None:
        assert len(self.two((9, 3)).take(ripe=10)) == 2

    def test_the_ripest_is_the_largest_that_is_next_of_its_partition(self) -> None:
        book = self.two((9, 3))
        assert book.ripest == 9
        (first, _) = book.take()
        book.add(chunk(9, 30, P))
        assert book.ripest == 9, "what comes after a range that is taken waits for it"
        book.stored(first)
        assert book.ripest == 22
        assert Ledger().ripest == 0

    def test_what_was_taken_once_stays_taken(self) -> None:
        book = self.two((9, 3))
        assert len(book.take()) == 2
        book.add(chunk(9, 30, P))
        assert [(held.first, held.last) for held in book.take(ripe=10)] == [(0, 8), (0, 2)]

    def test_a_range_that_is_replayed_is_taken_when_it_is_whole(self) -> None:
        book = Ledger()
        book.assign({P: Progress(ID, 0, 2), Q: Progress(ID, 0)})
        book.add(chunk(0, 2, P))
        book.add(chunk(0, 9, Q))
        assert len(book.take(ripe=10)) == 2


class TestReplay:
    """A range that was announced comes again exactly, however it is fetched."""

    def test_same_range(self) -> None:
        book = ledger(owed=3, replay_to=8)
        book.add(chunk(3, 8))
        assert spans(book) == [(3, 8)]

    def test_a_part_of_it_waits_for_the_rest(self) -> None:
        book = ledger(owed=3, replay_to=8)
        book.add(chunk(3, 5))
        assert spans(book) == []
        book.add(chunk(6, 8))
        assert spans(book) == [(3, 8)]

    def test_a_part_that_comes_twice_is_taken_once(self) -> None:
        book = ledger(owed=3, replay_to=8)
        book.add(chunk(3, 5))
        book.add(chunk(3, 5))
        assert spans(book) == []
        book.add(chunk(3, 8))
        assert offsets(book) == [[3, 4, 5, 6, 7, 8]]

    def test_a_stretch_before_it_is_dropped(self) -> None:
        book = ledger(owed=3, replay_to=8)
        book.add(chunk(0, 2))
        assert spans(book) == []
        book.add(chunk(0, 8))
        assert offsets(book) == [[3, 4, 5, 6, 7, 8]]

    def test_overlap_is_cut_at_its_end(self) -> None:
        book = ledger(owed=3, replay_to=8)
        book.add(chunk(3, 12))
        assert offsets(book) == [[3, 4, 5, 6, 7, 8]]
        book.stored(book.take()[0])
        assert offsets(book) == [[9, 10, 11, 12]]

    def test_its_last_record_may_be_gone(self) -> None:
        book = ledger(owed=3, replay_to=8)
        book.add(chunk(3, 6))
        book.add(chunk(10, 12))
        assert spans(book) == [(3, 8)]
        assert offsets(book) == [[3, 4, 5, 6]]
        book.stored(book.take()[0])
        assert spans(book) == [(9, 12)]

    def test_all_its_records_may_be_gone(self) -> None:
        book = ledger(owed=3, replay_to=8)
        book.add(chunk(9, 12))
        (held,) = book.take()
        assert (held.first, held.last, held.rows("searches")) == (3, 8, None)

    def test_the_token_is_the_same_for_whoever_replays(self) -> None:
        first = ledger(owed=3)
        first.add(chunk(3, 8))
        second = ledger(owed=3, replay_to=8)
        second.add(chunk(3, 4))
        second.add(chunk(5, 20))
        assert first.take()[0].token == second.take()[0].token

    def test_the_token_tells_topic_its_id_partition_and_range_apart(self) -> None:
        tokens = set()
        for partition, topic_id, last in [(P, ID, 8), (Q, ID, 8), (P, "anew", 8), (P, ID, 9)]:
            book = Ledger()
            book.assign({partition: Progress(topic_id, 3)})
            book.add(chunk(3, last, partition))
            tokens.add(book.take()[0].token)
        assert len(tokens) == 4

    def test_after_a_rewind_an_announced_range_comes_again_the_same(self) -> None:
        book = ledger()
        book.add(chunk(0, 9))
        held = book.take()
        book.announced(held)
        book.rewind()
        assert book.owed() == {P: 0}
        book.add(chunk(0, 99))
        assert spans(book) == [(0, 9)]

    def test_after_a_rewind_what_was_not_announced_may_end_anywhere(self) -> None:
        book = ledger()
        book.add(chunk(0, 9))
        book.rewind()
        book.add(chunk(0, 4))
        assert spans(book) == [(0, 4)]


class TestPolicies:
    """A range is judged by one version of the policies, and its note says by which."""

    def test_other_policies_begin_another_range(self) -> None:
        book = ledger()
        book.add(chunk(0, 4, judged_by=OLD))
        book.add(chunk(5, 6, judged_by=OLD))
        book.add(chunk(7, 9, judged_by=NEW))
        (held,) = book.take()
        assert (held.first, held.last, held.judged_by) == (0, 6, OLD)
        book.add(chunk(10, 11, judged_by=NEW))
        book.add(chunk(12, 12, judged_by=OLD))
        assert book.buffered == 13
        book.stored(held)
        (held,) = book.take()
        assert (held.first, held.last, held.judged_by) == (7, 11, NEW)
        book.stored(held)
        assert spans(book) == [(12, 12)]

    def test_the_note_keeps_the_version_for_whoever_replays(self) -> None:
        book = ledger(owed=3)
        book.add(chunk(3, 8, judged_by=OLD))
        (held,) = book.take()
        found = progress(P, held.first, held.note, ID, 0, 9)
        assert found == Progress(ID, 3, 8, OLD)
        later = Ledger()
        later.assign({P: found})
        assert later.replay(P) == found
        later.add(chunk(3, 8, judged_by=OLD))
        later.add(chunk(9, 9, judged_by=NEW))
        assert [(each.last, each.judged_by) for each in later.take()] == [(8, OLD)]
        later.stored(later.take()[0])
        assert later.replay(P) is None
        assert [(each.last, each.judged_by) for each in later.take()] == [(9, NEW)]

    def test_a_replay_that_other_policies_had_to_judge_says_so(self) -> None:
        book = Ledger()
        book.assign({P: Progress(ID, 3, 8, OLD)})
        book.add(chunk(3, 8, judged_by=NEW))
        assert book.take()[0].note == f"frwatch/1 {ID} pending 3-8 by {NEW}"

    def test_after_a_rewind_it_is_known_still(self) -> None:
        book = ledger()
        book.add(chunk(0, 4, judged_by=OLD))
        book.announced(book.take())
        book.rewind()
        assert book.replay(P) == Progress(ID, 0, 4, OLD)
        assert book.replay(Q) is None


class TestAssignment:
    def test_buffers_die_with_the_epoch(self) -> None:
        book = ledger()
        book.add(chunk(0, 9))
        (old,) = book.take()
        book.assign({P: Progress(ID, 0)})
        assert book.buffered == 0
        book.stored(old)
        assert book.owed() == {P: 0}


@given(
    cuts=st.sets(st.integers(1, 99), max_size=12),
    takes=st.sets(st.integers(0, 12)),
    rewinds=st.sets(st.integers(0, 12)),
    swaps=st.sets(st.integers(0, 12)),
)
def test_whatever_happens_every_offset_is_stored_once_in_order(
    cuts: set[int], takes: set[int], rewinds: set[int], swaps: set[int]
) -> None:
    """Fetches end anywhere; flushes, rewinds and new policies come at any time; a token counts once."""
    book = ledger()
    table: dict[str, list[int]] = {}
    policies: dict[str, set[str]] = {}
    at, step = 0, 0

    def store(*, answered: bool) -> None:
        held = book.take()
        book.announced(held)
        for part in held:
            rows = part.rows("searches")
            table.setdefault(part.token, [] if rows is None else rows["kafka_offset"].to_list())
            policies.setdefault(part.token, set()).update({each.judged_by for each in part.chunks})
            if answered:
                book.stored(part)

    ends = sorted(cuts | {100})
    while at < 100:
        end = next(cut for cut in ends if cut > at)
        replay = book.replay(P)
        if replay is not None and replay.replay_to is not None and at <= replay.replay_to:
            end = min(end, replay.replay_to + 1)
            book.add(chunk(at, end - 1, judged_by=replay.judged_by))
        else:
            book.add(chunk(at, end - 1, judged_by=str(len([swap for swap in swaps if swap <= step]))))
        at = end
        if step in takes:
            store(answered=step not in rewinds)
        if step in rewinds:
            book.rewind()
            at = book.owed()[P]
        step += 1
    while book.buffered:
        store(answered=True)
    assert all(len(versions) == 1 for versions in policies.values())
    assert sorted(offset for rows in table.values() for offset in rows) == list(range(100))


def test_rows_of_many_batches_come_in_one_piece() -> None:
    book = ledger()
    for first in range(0, 40, 10):
        book.add(chunk(first, first + 9))
    rows = book.take()[0].rows("searches")
    assert rows is not None
    assert (rows.height, rows.n_chunks()) == (40, 1)
