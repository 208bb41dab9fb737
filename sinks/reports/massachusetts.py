"""Massachusetts: each search with its date, matches and reason; totals by agency."""

from __future__ import annotations

from sinks.reports.model import Column, Definition, Question
from sinks.reports.shared import AGENCY, ATTRIBUTION, BY_AGENCY, GAPS, SEARCHES, SERVICE, text

MASSACHUSETTS = Definition(
    name="massachusetts",
    title="Face recognition searches, one by one",
    statute="Massachusetts, law on face recognition by police (known from a secondary source)",
    due="each quarter; totals each year",
    audience="internal",
    intro="Date, matches and reason of each search, and totals by agency. The list goes to whoever collects it for "
    "the Commonwealth: a line about one search is no statistic.",
    questions=(
        ATTRIBUTION,
        GAPS,
        BY_AGENCY,
        Question(
            "quarters",
            "By quarter and agency",
            (text("quarter", "Quarter"), AGENCY, SEARCHES, Column("with_matches", "With matches")),
            """
SELECT concat(formatDateTime(occurred_at, '%Y', {zone:String}), '-Q',
        toString(toQuarter(toTimeZone(occurred_at, {zone:String})))) AS quarter,
    agency_id AS agency, count() AS searches, countIf(candidates > 0) AS with_matches
FROM counted GROUP BY quarter, agency ORDER BY quarter, agency
""",
            total=("searches", "with_matches"),
            small=("searches", "with_matches"),
            margins=((), ("agency",)),
        ),
        Question(
            "searches",
            "Each search",
            (
                text("day", "Date"),
                AGENCY,
                SERVICE,
                Column("matches", "Matches"),
                text("crime", "Reason"),
                text("purpose", "Purpose"),
                text("basis", "Legal basis"),
            ),
            """
SELECT formatDateTime(occurred_at, '%Y-%m-%d', {zone:String}) AS day, agency_id AS agency,
    ifNull(provider_id, '') AS service, toInt64(ifNull(candidates, -1)) AS matches, ifNull(crime_type, '') AS crime,
    ifNull(purpose, '') AS purpose_text, ifNull(legal_basis, '') AS basis
FROM counted ORDER BY occurred_at, toString(event_id)
""",
            note="Matches: candidates that came back; -1 where the client does not say.",
            exact=True,
        ),
    ),
)
