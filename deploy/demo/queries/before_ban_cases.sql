-- Which cases, and what came of them: those with an outcome, the gravest first.
WITH
    commercial AS (
        SELECT event_id, agency_id, case_number, officer, crime_type FROM frwatch.searches
        WHERE agency_id = 'lapd' AND provider_class = 'commercial' AND evidence = 'SEARCH'
            AND occurred_at < toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')
    ),
    told AS (
        SELECT c.event_id AS event_id, o.kind AS kind FROM commercial AS c
        INNER JOIN frwatch.outcomes AS o ON o.event_id = c.event_id
        UNION ALL
        SELECT c.event_id AS event_id, o.kind AS kind FROM commercial AS c
        INNER JOIN (SELECT * FROM frwatch.outcomes WHERE event_id IS NULL) AS o
            ON o.agency_id = c.agency_id AND o.case_number = c.case_number
    )
SELECT
    c.case_number AS case_number,
    uniqExact(c.event_id) AS searches,
    anyLast(c.crime_type) AS crime,
    any(c.officer) AS officer,
    arrayStringConcat(arraySort(groupUniqArray(lower(t.kind))), ', ') AS outcomes
FROM commercial AS c
INNER JOIN told AS t ON t.event_id = c.event_id
WHERE c.case_number IS NOT NULL
GROUP BY c.case_number
ORDER BY has(groupUniqArray(t.kind), 'ARREST') DESC, searches DESC, case_number
