"""All partitions of a group to one member: the others stand by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


def one_member(reign: Callable[[], int]) -> type[AbstractPartitionAssignor]:
    """Return an assignor for one consumer, which says the number of its reign (0: it is not active).

    The member whose reign began last keeps everything: one that was frozen, and that another has followed,
    does not get it back. Where none is active, the first by its id gets it.
    """

    class OneMember(AbstractPartitionAssignor):  # type: ignore[misc]
        name = "frwatch-one-member"
        version = 0

        @classmethod
        def assign(
            cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            chosen = min(members, key=lambda member: (-_number(members[member].user_data), member))
            topics = sorted(members[chosen].subscription)
            everything = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
            return {
                member: ConsumerProtocolMemberAssignment(
                    cls.version, everything if member == chosen else [], b""
                )
                for member in members
            }

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), reign().to_bytes(8, "big"))

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            return None

    return OneMember


def _number(user_data: bytes | None) -> int:
    return int.from_bytes(user_data or b"", "big")
