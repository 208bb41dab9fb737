"""Washington, RCW 43.386: services with vendor and version, legal bases, and records enough for an audit."""

from __future__ import annotations

from sinks.reports.model import Column, Definition, Question
from sinks.reports.shared import ACTED, ATTRIBUTION, FINDINGS, GAPS, SEARCHES, SERVICE, text

WASHINGTON = Definition(
    name="washington",
    title="Face recognition: records for public reporting and audit",
    statute="Washington, RCW 43.386.070 and 43.386.020(2)(a)",
    due="no day is set",
    audience="public",
    intro="Which services, of which operator and version; under which legal basis, warrants among them; whether "
    "the records suffice for an audit; and what came of the searches.",
    questions=(
        ATTRIBUTION,
        GAPS,
        Question(
            "services",
            "Services",
            (
                SERVICE,
                text("operator", "Operator"),
                text("kind", "Kind"),
                text("versions", "Versions"),
                SEARCHES,
            ),
            """
SELECT ifNull(provider_id, '') AS service, min(ifNull(operator, '')) AS operator, min(provider_class) AS kind,
    arrayStringConcat(arraySort(arrayFilter(v -> v != '', groupUniqArray(
        if(isNull(source_version), '', concat(source, ' ', source_version))))), ', ') AS versions,
    count() AS searches
FROM counted GROUP BY service ORDER BY service
""",
            note="Versions are those of the client that reported the search.",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "bases",
            "Legal basis",
            (text("basis", "Legal basis"), SEARCHES, ACTED),
            """
SELECT basis, sum(one) AS searches, sum(led) AS acted FROM
(
    SELECT lower(trim(ifNull(legal_basis, ''))) AS basis, 1 AS one, event_id IN (SELECT event_id FROM acted) AS led FROM counted
    UNION ALL SELECT arrayJoin(['consent', 'court order', 'emergency', 'warrant']) AS basis, 0 AS one, false AS led
)
GROUP BY basis ORDER BY basis
""",
            note="Warrant, court order, emergency and consent stand here also where there was none: zero.",
            total=("searches", "acted"),
            small=("searches", "acted"),
        ),
        Question(
            "records",
            "Records for an audit",
            (text("what", "The record names"), SEARCHES, Column("lacking", "Not named")),
            """
SELECT what, countIf(named) AS searches, countIf(NOT named) AS lacking FROM
(
    SELECT entry.1 AS place, entry.2 AS what, entry.3 AS named FROM
    (
        SELECT arrayJoin([
            (1, 'who searched', isNotNull(officer)),
            (2, 'a case number', ifNull(trim(case_number), '') != ''),
            (3, 'the type of crime', ifNull(trim(crime_type), '') != ''),
            (4, 'a purpose', ifNull(trim(purpose), '') != ''),
            (5, 'a legal basis', ifNull(trim(legal_basis), '') != ''),
            (6, 'who approved it', ifNull(trim(approved_by), '') != ''),
            (7, 'a certificate of training', ifNull(trim(training_cert), '') != ''),
            (8, 'how many candidates came back', isNotNull(candidates))
        ]) AS entry FROM counted
    )
)
GROUP BY place, what ORDER BY place
""",
        ),
        Question(
            "outcomes",
            "What came of the searches",
            (text("outcome", "Outcome"), SEARCHES),
            """
SELECT lower(replaceAll(kind, '_', ' ')) AS outcome, uniqExact(event_id) AS searches
FROM told GROUP BY outcome ORDER BY outcome
""",
            note="A search with several outcomes stands in several lines.",
            small=("searches",),
        ),
        FINDINGS,
    ),
)
