"""Virginia: what was used, and that nothing was, where nothing was."""

from __future__ import annotations

from sinks.reports.model import Definition, Question
from sinks.reports.shared import ACTED, AGENCY, ATTRIBUTION, FINDINGS, GAPS, SEARCHES, text

VIRGINIA = Definition(
    name="virginia",
    title="Use of face recognition",
    statute="Virginia, as bill versions on face recognition by police have it (the enacted text was not read)",
    due="posted by 1 April",
    audience="public",
    intro="Every agency that has ever reported a search stands here, and zero is said where there was none.",
    questions=(
        ATTRIBUTION,
        GAPS,
        Question(
            "use",
            "Use by agency",
            (AGENCY, SEARCHES, text("statement", "Statement")),
            """
SELECT agency, uniqExactIf(event_id, here) AS searches,
    if(searches = 0, 'No use of face recognition is recorded: zero searches.', 'Face recognition was used.') AS statement
FROM
(
    SELECT agency_id AS agency, event_id, true AS here FROM counted
    UNION ALL
    SELECT DISTINCT agency_id AS agency, toUUID('00000000-0000-0000-0000-000000000000') AS event_id, false AS here
    FROM frwatch.counted_searches
    WHERE occurred_at < {end:DateTime64(6, 'UTC')} AND ingested_at < {as_of:DateTime64(6, 'UTC')}
        AND ({agency:String} = '' OR agency_id = {agency:String})
    UNION ALL
    SELECT {agency:String} AS agency, toUUID('00000000-0000-0000-0000-000000000000') AS event_id, false AS here
    WHERE {agency:String} != ''
)
GROUP BY agency ORDER BY agency
""",
            total=("searches",),
        ),
        Question(
            "authorised",
            "By authorised use",
            (text("use", "Use"), SEARCHES, ACTED),
            """
SELECT ifNull(purpose, '') AS use, count() AS searches, countIf(event_id IN (SELECT event_id FROM acted)) AS acted
FROM counted GROUP BY use ORDER BY use
""",
            note="As the client stated it; the codes of authorised uses are the agency's to map.",
            total=("searches", "acted"),
            small=("searches", "acted"),
        ),
        Question(
            "crimes",
            "By type of crime",
            (text("crime", "Type of crime"), SEARCHES),
            "SELECT ifNull(crime_type, '') AS crime, count() AS searches FROM counted GROUP BY crime ORDER BY crime",
            total=("searches",),
            small=("searches",),
        ),
        FINDINGS,
    ),
)
