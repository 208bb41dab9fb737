-- Which arrests or charges followed a search that returned no candidate at all?
-- param agency=
-- param zone=America/Los_Angeles
WITH days AS
(
    -- Each has one at least, so the first forty lie in them.
    SELECT agency_id, day FROM frwatch.outcomes_by_day
    WHERE arrests_without_candidates > 0 AND ({agency:String} = '' OR agency_id = {agency:String})
    GROUP BY agency_id, day ORDER BY day LIMIT 40 WITH TIES
)
SELECT
    s.agency_id AS agency,
    ifNull(s.case_number, '') AS case,
    formatDateTime(s.occurred_at, '%F', {zone:String}) AS searched_on,
    ifNull(s.provider_id, 'in no catalogue') AS service,
    left(s.officer, 12) AS person,
    arrayStringConcat(arraySort(groupUniqArray(lower(o.kind))), ', ') AS told
FROM frwatch.counted_searches AS s
INNER JOIN frwatch.search_outcomes AS o ON o.event_id = s.event_id
WHERE o.kind IN ('ARREST', 'CHARGE', 'CONVICTION') AND s.candidates = 0
    AND (s.agency_id, toDate32(s.occurred_at)) IN (SELECT agency_id, day FROM days)
    AND (o.agency_id, toDate32(o.occurred_at)) IN (SELECT agency_id, day FROM days)
GROUP BY s.event_id, s.occurred_at, agency, case, service, person
ORDER BY s.occurred_at, agency, case, toString(s.event_id)
LIMIT 40
