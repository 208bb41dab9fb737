"""Why something is forbidden, in the policies' own words: titles, clauses and dates by policy and rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.policies import Policy


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule's grounds: its policy's title, since when that holds (ISO 8601) and the clauses it cites."""

    policy: str
    since: str
    cites: tuple[str, ...]


class Reasons:
    """The reasons of the policies that are known. A version that is not gives what the latest one says."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str, str], Reason] = {}
        self._latest: dict[tuple[str, str], Reason] = {}

    def learn(self, policies: Iterable[Policy]) -> None:
        """Take in a set of policies; the one taken in last is the latest."""
        for policy in policies:
            for rule in policy.rules:
                cites = (rule.cites,) if isinstance(rule.cites, str) else rule.cites or ()
                reason = Reason(policy.title, policy.effective.start.isoformat(), cites)
                self._exact[policy.id, policy.version, rule.id] = reason
                self._latest[policy.id, rule.id] = reason

    def of(self, policy_id: str, version: str, rule_id: str) -> Reason | None:
        """Return the reason of a rule, None where no policy is known that has it."""
        exact = self._exact.get((policy_id, version, rule_id))
        return exact or self._latest.get((policy_id, rule_id))

    @property
    def rules(self) -> Mapping[str, set[str]]:
        """The ids of the rules of each policy."""
        found: dict[str, set[str]] = {}
        for policy_id, rule_id in self._latest:
            found.setdefault(policy_id, set()).add(rule_id)
        return found
