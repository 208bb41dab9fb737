"""Questions that several reports ask, and the columns that they share."""

from __future__ import annotations

from sinks.reports.model import Column, Question

AGENCY = Column("agency", "Agency", "agency")
SERVICE = Column("service", "Service", "provider")
SEARCHES = Column("searches", "Searches")
ACTED = Column("acted", "Led to action")
"""Searches of which an outcome tells a lead, an identification, an arrest, or what follows one."""
CONFIRMED, SUSPECTED = Column("confirmed", "Proven"), Column("suspected", "Not proven")


def text(name: str, title: str) -> Column:
    """Return a column of words."""
    return Column(name, title, "text")


UNATTRIBUTED = ("searches of an agency that no register has", "records of searches that could not be read")

ATTRIBUTION = Question(
    "attribution",
    "What is counted, and what could not be",
    (text("what", "Events"), Column("events", "Number")),
    """
SELECT what, events FROM
(
    SELECT 1 AS place, 'searches that are counted' AS what, count() AS events FROM counted
    UNION ALL SELECT 2, 'not counted: the site of a service was reached (ACCESS)', countIf(evidence = 'ACCESS') FROM period
    UNION ALL SELECT 3, 'not counted: the name of a service was looked up (LOOKUP)', countIf(evidence = 'LOOKUP') FROM period
    UNION ALL SELECT 4, 'not counted: searches in services that match no faces',
        countIf(evidence = 'SEARCH' AND provider_class = 'not_fr') FROM period
    UNION ALL SELECT 5, 'searches of an agency that no register has', count() FROM frwatch.counted_searches
        WHERE occurred_at >= {first:DateTime64(6, 'UTC')} AND occurred_at < {end:DateTime64(6, 'UTC')}
            AND ingested_at < {as_of:DateTime64(6, 'UTC')} AND NOT agency_known
    UNION ALL SELECT 6, 'records of searches that could not be read', count() FROM frwatch.dead_letters
        WHERE received_at >= {first:DateTime64(6, 'UTC')} AND received_at < {as_of:DateTime64(6, 'UTC')}
            AND endsWith(kafka_topic, 'searches')
            AND (kafka_topic, kafka_partition, kafka_offset) NOT IN
            (
                SELECT kafka_topic, ifNull(new_partition, -1), ifNull(new_offset, -1) FROM frwatch.redrives
                WHERE received_at < {first:DateTime64(6, 'UTC')}
            )
            AND (kafka_topic, kafka_partition, kafka_offset, received_at) NOT IN
            (
                SELECT kafka_topic, kafka_partition, kafka_offset, received_at FROM frwatch.redrives
                WHERE became IN ('stored', 'dead') AND begun_at < {as_of:DateTime64(6, 'UTC')}
            )
    UNION ALL SELECT 7, 'outcomes that speak of no stored search', count() FROM frwatch.outcomes
        WHERE recorded_at >= {first:DateTime64(6, 'UTC')} AND recorded_at < {end:DateTime64(6, 'UTC')}
            AND ingested_at < {as_of:DateTime64(6, 'UTC')}
            AND ({agency:String} = '' OR agency_id = {agency:String})
            AND NOT (isNotNull(event_id) AND ifNull(event_id, toUUID('00000000-0000-0000-0000-000000000000')) IN
                (
                    -- Of the searches those that are asked for: all of them are more than memory holds.
                    SELECT event_id FROM frwatch.searches WHERE event_id IN
                    (
                        SELECT assumeNotNull(event_id) FROM frwatch.outcomes WHERE isNotNull(event_id)
                            AND recorded_at >= {first:DateTime64(6, 'UTC')} AND recorded_at < {end:DateTime64(6, 'UTC')}
                    )
                ))
            AND NOT (isNull(event_id) AND (agency_id, ifNull(case_number, '')) IN
                (
                    SELECT agency_id, ifNull(case_number, '') FROM frwatch.searches
                    WHERE isNotNull(case_number) AND (agency_id, ifNull(case_number, '')) IN
                    (
                        SELECT agency_id, ifNull(case_number, '') FROM frwatch.outcomes WHERE isNull(event_id)
                            AND recorded_at >= {first:DateTime64(6, 'UTC')} AND recorded_at < {end:DateTime64(6, 'UTC')}
                    )
                ))
)
ORDER BY place
""",
    small=("events",),
    margins=(),
    note="Nobody can say whose the searches of unregistered agencies and the unreadable records are: they are "
    "those of the whole state, and the records all that came since the period began.",
)

GAPS = Question(
    "gaps",
    "Counted, but not fully told",
    (text("what", "Events"), Column("events", "Number")),
    """
SELECT what, events FROM
(
    SELECT 1 AS place, 'searches in a service that no catalogue has' AS what, countIf(isNull(provider_id)) AS events FROM counted
    UNION ALL SELECT 2, 'searches that name no person', countIf(isNull(officer)) FROM counted
)
ORDER BY place
""",
    exact=True,
)

FINDINGS = Question(
    "findings",
    "Unauthorised uses: rules that were broken",
    (AGENCY, text("rule", "Rule"), text("title", "What it forbids"), CONFIRMED, SUSPECTED),
    """
SELECT agency_id AS agency, concat(policy_id, '/', rule_id) AS rule, min(title) AS title,
    countIf(certainty = 'CONFIRMED') AS confirmed, countIf(certainty = 'SUSPECTED') AS suspected
FROM findings GROUP BY agency, rule ORDER BY agency, rule
""",
    note="By the policies in force at the time of each search. A search that breaks two rules stands in both lines. "
    "Not proven: a site that was only reached, or a service in no catalogue.",
)

BY_AGENCY = Question(
    "agencies",
    "By agency",
    (AGENCY, SEARCHES, ACTED),
    """
SELECT agency_id AS agency, count() AS searches, countIf(event_id IN (SELECT event_id FROM acted)) AS acted
FROM counted GROUP BY agency ORDER BY agency
""",
    chart="bars",
    charted="searches",
    total=("searches", "acted"),
    small=("searches", "acted"),
)
