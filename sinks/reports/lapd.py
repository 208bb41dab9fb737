"""What the LAPD would not say in November 2020: who, for which cases, what came of it, before and after the ban."""

from __future__ import annotations

from sinks.reports.model import Column, Definition, Question
from sinks.reports.shared import AGENCY, ATTRIBUTION, FINDINGS, GAPS, SEARCHES, text

_BAN = "toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')"
_COMMERCIAL = "FROM counted WHERE provider_class = 'commercial'"
_SIDE = f"if(occurred_at < {_BAN}, 'before the ban', 'after the ban')"
_PEOPLE = Column("people", "People")
_CASES, _NO_CASE = Column("cases", "Cases"), Column("no_case", "No case")
_TRIAL, _ARRESTS = Column("trials", "On trial"), Column("arrests", "Led to arrest")
_ARRESTED = "countIf(event_id IN (SELECT event_id FROM told WHERE kind = 'ARREST'))"
_OFFICER = Column("officer", "Officer", "person")

LAPD = Definition(
    name="lapd",
    title="Commercial face recognition, before and after the ban",
    statute="Questions of November 2020 to the Los Angeles Police Department; its directive of 13 November 2020",
    due="whenever it is asked",
    audience="internal",
    intro="Which people, for which cases, and what came of it. Officers are keyed pseudonyms; the directive binds from "
    "midnight of 13 November 2020 in Los Angeles.",
    agency="lapd",
    questions=(
        ATTRIBUTION,
        GAPS,
        Question(
            "sides",
            "Searches in commercial services",
            (
                text("side", "When"),
                SEARCHES,
                _PEOPLE,
                _TRIAL,
                _CASES,
                _NO_CASE,
                _ARRESTS,
                Column("forbidden", "Forbidden"),
            ),
            f"""
SELECT {_SIDE} AS side, count() AS searches, uniqExact(officer) AS people, countIf(account = 'trial') AS trials,
    uniqExact(case_number) AS cases, countIf(isNull(case_number)) AS no_case, {_ARRESTED} AS arrests,
    countIf(arrayExists(rule -> startsWith(rule, 'lapd-fr/'), broken_rules)) AS forbidden
{_COMMERCIAL} GROUP BY side ORDER BY side DESC
""",
        ),
        Question(
            "who",
            "Who",
            (
                _OFFICER,
                Column("before", "Before"),
                Column("after", "After"),
                _TRIAL,
                _CASES,
                _NO_CASE,
                _ARRESTS,
                text("first", "First"),
                text("last", "Last"),
            ),
            f"""
SELECT ifNull(officer, '') AS officer_text, countIf(occurred_at < {_BAN}) AS before, countIf(occurred_at >= {_BAN}) AS after,
    countIf(account = 'trial') AS trials, uniqExact(case_number) AS cases, countIf(isNull(case_number)) AS no_case,
    {_ARRESTED} AS arrests, formatDateTime(min(occurred_at), '%Y-%m-%d', {{zone:String}}) AS first,
    formatDateTime(max(occurred_at), '%Y-%m-%d', {{zone:String}}) AS last
{_COMMERCIAL} GROUP BY officer_text ORDER BY before + after DESC, officer_text
""",
        ),
        Question(
            "cases",
            "For which cases",
            (
                text("case_number", "Case"),
                SEARCHES,
                _PEOPLE,
                text("crimes", "Types of crime"),
                text("outcomes", "What came of it"),
            ),
            f"""
WITH of_cases AS (SELECT event_id, groupUniqArray(lower(replaceAll(kind, '_', ' '))) AS kinds FROM told GROUP BY event_id)
SELECT ifNull(c.case_number, '') AS case_text, count() AS searches, uniqExact(c.officer) AS people,
    arrayStringConcat(arraySort(groupUniqArray(ifNull(c.crime_type, 'not stated'))), ', ') AS crimes,
    if(empty(groupUniqArrayArray(o.kinds)), 'nothing told', arrayStringConcat(arraySort(groupUniqArrayArray(o.kinds)), ', ')) AS outcomes
FROM (SELECT * {_COMMERCIAL}) AS c LEFT JOIN of_cases AS o ON o.event_id = c.event_id
GROUP BY case_text ORDER BY case_text
""",
        ),
        Question(
            "outcomes",
            "What came of them",
            (text("side", "When"), text("outcome", "Gravest outcome"), SEARCHES, _PEOPLE),
            f"""
WITH ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'] AS gravest,
    of_searches AS (SELECT event_id, groupUniqArray(kind) AS kinds FROM told GROUP BY event_id)
SELECT side, if(worst = '', 'nothing told', lower(replaceAll(worst, '_', ' '))) AS outcome, searches, people FROM
(
    SELECT {_SIDE} AS side, arrayFirst(kind -> has(o.kinds, kind), gravest) AS worst, count() AS searches,
        uniqExact(c.officer) AS people
    FROM (SELECT * {_COMMERCIAL}) AS c LEFT JOIN of_searches AS o ON o.event_id = c.event_id GROUP BY side, worst
)
ORDER BY side DESC, indexOf(gravest, worst) = 0, indexOf(gravest, worst)
""",
        ),
        Question(
            "outside",
            "Searches for outside agencies",
            (text("side", "When"), AGENCY, SEARCHES, _PEOPLE, Column("forbidden", "Forbidden")),
            f"""
SELECT {_SIDE} AS side, assumeNotNull(outside_agency_id) AS agency, count() AS searches, uniqExact(officer) AS people,
    countIf(has(broken_rules, 'lapd-fr/outside-agency')) AS forbidden
FROM counted WHERE isNotNull(outside_agency_id) GROUP BY side, agency ORDER BY side DESC, agency
""",
        ),
        FINDINGS,
    ),
)
