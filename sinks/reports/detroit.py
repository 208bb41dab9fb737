"""Detroit: the weekly report to the Board of Police Commissioners."""

from __future__ import annotations

from sinks.reports.model import Column, Definition, Question
from sinks.reports.shared import ACTED, AGENCY, ATTRIBUTION, GAPS, SEARCHES, text

DETROIT = Definition(
    name="detroit",
    title="Face recognition: weekly report to the Board",
    statute="Detroit, weekly report to the Board of Police Commissioners",
    due="each week; violations that touch the First Amendment are told within 24 hours",
    audience="internal",
    intro="Searches by day, type of crime and image, what came of them, and which findings were told in 24 hours.",
    questions=(
        ATTRIBUTION,
        GAPS,
        Question(
            "days",
            "By day",
            (text("day", "Day"), SEARCHES, ACTED),
            """
SELECT formatDateTime(occurred_at, '%Y-%m-%d', {zone:String}) AS day, count() AS searches,
    countIf(event_id IN (SELECT event_id FROM acted)) AS acted
FROM counted GROUP BY day ORDER BY day
""",
            chart="periods",
            charted="searches",
            total=("searches", "acted"),
        ),
        Question(
            "crimes",
            "By type of crime",
            (text("crime", "Type of crime"), SEARCHES, ACTED),
            """
SELECT ifNull(crime_type, '') AS crime, count() AS searches, countIf(event_id IN (SELECT event_id FROM acted)) AS acted
FROM counted GROUP BY crime ORDER BY crime
""",
            total=("searches", "acted"),
            small=("searches", "acted"),
        ),
        Question(
            "images",
            "By image that was searched for",
            (text("probe", "Image"), SEARCHES),
            "SELECT ifNull(probe_kind, '') AS probe, count() AS searches FROM counted GROUP BY probe ORDER BY probe",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "told",
            "Findings, and whether they were told in 24 hours",
            (
                AGENCY,
                text("rule", "Rule"),
                text("certainty", "Certainty"),
                Column("findings", "Findings"),
                Column("in_time", "Told in 24 h"),
                Column("late", "Told later"),
                Column("untold", "Not told by itself"),
            ),
            """
SELECT f.agency_id AS agency, concat(f.policy_id, '/', f.rule_id) AS rule,
    if(f.certainty = 'CONFIRMED', 'proven', 'not proven') AS certainty_text, count() AS findings,
    countIf(d.told AND d.first <= f.detected_at + INTERVAL 24 HOUR) AS in_time,
    countIf(d.told AND d.first > f.detected_at + INTERVAL 24 HOUR) AS late, countIf(NOT d.told) AS untold
FROM findings AS f
LEFT JOIN
(
    SELECT violation_id, min(assumeNotNull(delivered_at)) AS first, true AS told FROM frwatch.alerts_delivered
    WHERE kind != 'test' AND isNotNull(delivered_at) AND delivered_at < {as_of:DateTime64(6, 'UTC')}
    GROUP BY violation_id
) AS d ON d.violation_id = f.violation_id
GROUP BY agency, rule, certainty_text ORDER BY agency, rule, certainty_text
""",
            note="Counted from when the search was judged. What a summary told beside others stands as not told by itself.",
        ),
    ),
)
