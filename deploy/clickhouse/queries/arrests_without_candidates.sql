-- Which arrests or charges followed a search that returned no candidate at all?
-- param agency=
-- param zone=America/Los_Angeles
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
    AND ({agency:String} = '' OR (s.agency_id = {agency:String} AND o.agency_id = {agency:String}))
GROUP BY s.event_id, agency, case, searched_on, service, person
ORDER BY searched_on, agency, case, toString(s.event_id)
LIMIT 40
