from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sinks.kafka.one_member import one_member


class Cluster:
    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {"violations": {0, 1, 2, 3}, "commands": {0}}.get(topic)


def assigned(reigns: dict[str, int]) -> dict[str, list[Any]]:
    members = {
        name: one_member(lambda at=at: at).metadata(["violations", "commands"])  # type: ignore[misc]
        for name, at in reigns.items()
    }
    found = one_member(lambda: 0).assign(Cluster(), members)
    return {name: each.partitions() for name, each in found.items()}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2**62), min_size=1))
def test_one_member_has_everything_and_it_is_the_one_that_had_it_last(reigns: dict[str, int]) -> None:
    found = assigned(reigns)
    assert sorted(map(len, found.values())) == [*[0] * (len(reigns) - 1), 5]
    (chosen,) = (name for name, partitions in found.items() if partitions)
    last = max(reigns.values())
    assert chosen == min(name for name, reign in reigns.items() if reign == last)
