"""Maryland, Criminal Procedure §2-510 (with the names of systems that §2-508 asks for)."""

from __future__ import annotations

from sinks.reports.model import Definition, Question
from sinks.reports.shared import ATTRIBUTION, BY_AGENCY, FINDINGS, GAPS, SEARCHES, SERVICE, text

MARYLAND = Definition(
    name="maryland",
    title="Face recognition: annual report",
    statute="Maryland, Criminal Procedure §2-510",
    due="published by 1 February, submitted by 1 May, for the whole state by 1 October",
    audience="public",
    intro="Searches by system with crime type; matches that led to action by system, database and age, race and "
    "gender of the person; unauthorised uses. frwatch sees no breaches of data: the agency states them itself.",
    questions=(
        ATTRIBUTION,
        GAPS,
        Question(
            "systems",
            "Systems that were used",
            (
                SERVICE,
                text("operator", "Operator"),
                text("kind", "Kind"),
                text("databases", "Databases"),
                SEARCHES,
            ),
            """
SELECT ifNull(provider_id, '') AS service, min(ifNull(operator, '')) AS operator, min(provider_class) AS kind,
    arrayStringConcat(arraySort(groupUniqArrayArray(galleries)), ', ') AS databases, count() AS searches
FROM counted GROUP BY service ORDER BY service
""",
            note="Kind commercial names the systems that no government operates (§2-508).",
            total=("searches",),
            small=("searches",),
        ),
        Question(
            "crimes",
            "Searches by system and type of crime",
            (SERVICE, text("crime", "Type of crime"), SEARCHES),
            """
SELECT ifNull(provider_id, '') AS service, ifNull(crime_type, '') AS crime, count() AS searches
FROM counted GROUP BY service, crime ORDER BY service, crime
""",
            total=("searches",),
            small=("searches",),
            margins=((), ("service",)),
        ),
        Question(
            "matches",
            "Matches that led to action",
            (
                SERVICE,
                text("database", "Database"),
                text("age", "Age"),
                text("race", "Race"),
                text("gender", "Gender"),
                SEARCHES,
            ),
            """
SELECT ifNull(c.provider_id, '') AS service, arrayJoin(if(empty(c.galleries), [''], arrayDistinct(c.galleries))) AS database,
    ifNull(a.age_band, '') AS age, ifNull(a.race, '') AS race, ifNull(a.gender, '') AS gender,
    uniqExact(c.event_id) AS searches
FROM counted AS c INNER JOIN acted AS a ON a.event_id = c.event_id
GROUP BY service, database, age, race, gender ORDER BY service, database, age, race, gender
""",
            note="Searches with a match that led to a lead, an identification, an arrest or more. One that went through "
            "several databases, or found several people, stands in several lines.",
            small=("searches",),
            margins=((), ("service",)),
        ),
        FINDINGS,
        BY_AGENCY,
    ),
)
