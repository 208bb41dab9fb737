-- What came of them: distinct searches by the gravest outcome that is told of each.
WITH
    ['CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD'] AS gravest_first,
    commercial AS (
        SELECT event_id, agency_id, case_number, officer FROM frwatch.searches
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
    ),
    gravest AS (
        SELECT event_id, arrayFirst(k -> has(groupUniqArray(kind), k), gravest_first) AS outcome
        FROM told GROUP BY event_id
    )
SELECT
    if(outcome = '', 'nothing told', lower(replaceAll(outcome, '_', ' '))) AS gravest_outcome,
    count() AS searches,
    uniqExact(c.officer) AS people
FROM commercial AS c
LEFT JOIN gravest AS g ON g.event_id = c.event_id
GROUP BY outcome
ORDER BY indexOf(gravest_first, outcome) = 0, indexOf(gravest_first, outcome)
