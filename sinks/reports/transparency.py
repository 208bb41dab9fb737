"""The transparency page: what a member of the public can read, with no person in it."""

from __future__ import annotations

from sinks.reports.model import Column, Definition, Question
from sinks.reports.shared import AGENCY, ATTRIBUTION, CONFIRMED, GAPS, SEARCHES, SERVICE, SUSPECTED, text

TRANSPARENCY = Definition(
    name="transparency",
    title="How police use face recognition here",
    statute="Published for everybody, by no statute's order",
    due="whenever it is asked",
    audience="public",
    intro="Face recognition compares a photograph of a face with a collection of photographs, and returns people who "
    "look alike. It can be wrong. This page says how often police searched that way, in which services, through "
    "whose photographs, what came of it, and which rules were broken. No officer and nobody who was searched for is named.",
    questions=(
        Question(
            "short",
            "In short",
            (text("what", "In this period"), Column("value", "Number")),
            """
SELECT what, value FROM
(
    SELECT 2 AS place, 'agencies that searched' AS what, uniqExact(agency_id) AS value FROM counted
    UNION ALL SELECT 3, 'services that were used', uniqExact(ifNull(provider_id, '')) FROM counted
    UNION ALL SELECT 4, 'rules broken, proven', countIf(certainty = 'CONFIRMED') FROM findings
    UNION ALL SELECT 5, 'rules broken, not proven', countIf(certainty = 'SUSPECTED') FROM findings
)
ORDER BY place
""",
            chart="figures",
            charted="value",
        ),
        Question(
            "months",
            "Searches each month",
            (text("month", "Month"), SEARCHES),
            """
SELECT formatDateTime(occurred_at, '%Y-%m', {zone:String}) AS month, count() AS searches
FROM counted GROUP BY month ORDER BY month
""",
            chart="periods",
            charted="searches",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "agencies",
            "Who searched",
            (AGENCY, SEARCHES),
            "SELECT agency_id AS agency, count() AS searches FROM counted GROUP BY agency ORDER BY searches DESC, agency",
            chart="bars",
            charted="searches",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "services",
            "In which services",
            (SERVICE, text("run_by", "Run by"), SEARCHES),
            """
SELECT ifNull(provider_id, '') AS service, min(multiIf(provider_class = 'commercial', 'a company',
    provider_class IN ('government', 'agency'), 'a public body', 'not known')) AS run_by, count() AS searches
FROM counted GROUP BY service ORDER BY searches DESC, service
""",
            chart="bars",
            charted="searches",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "faces",
            "Through whose photographs",
            (text("kind", "Photographs"), SEARCHES),
            """
SELECT replaceAll(arrayJoin(if(empty(gallery_kinds), [''], gallery_kinds)), '_', ' ') AS kind, count() AS searches
FROM counted GROUP BY kind ORDER BY searches DESC, kind
""",
            note="A search through several collections stands in several lines.",
            small=("searches",),
        ),
        Question(
            "crimes",
            "Why",
            (text("crime", "Type of crime"), SEARCHES),
            "SELECT ifNull(crime_type, '') AS crime, count() AS searches FROM counted GROUP BY crime ORDER BY searches DESC, crime",
            chart="bars",
            charted="searches",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "outcomes",
            "What came of it",
            (text("outcome", "The gravest that was told of a search"), SEARCHES),
            """
WITH ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'] AS gravest,
    of_searches AS (SELECT event_id, groupUniqArray(kind) AS kinds FROM told GROUP BY event_id)
SELECT if(worst = '', 'nothing told', lower(replaceAll(worst, '_', ' '))) AS outcome, searches FROM
(
    SELECT arrayFirst(kind -> has(o.kinds, kind), gravest) AS worst, count() AS searches
    FROM counted AS c LEFT JOIN of_searches AS o ON o.event_id = c.event_id GROUP BY worst
)
ORDER BY indexOf(gravest, worst) = 0, indexOf(gravest, worst)
""",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "broken",
            "Rules that were broken",
            (AGENCY, text("title", "What is forbidden"), CONFIRMED, SUSPECTED),
            """
SELECT agency_id AS agency, title, countIf(certainty = 'CONFIRMED') AS confirmed, countIf(certainty = 'SUSPECTED') AS suspected
FROM findings GROUP BY agency, title ORDER BY agency, title
""",
            note="Not proven: a site that was only reached, or a service that nobody has listed yet.",
        ),
        ATTRIBUTION,
        GAPS,
    ),
)
