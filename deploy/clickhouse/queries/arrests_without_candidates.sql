-- Which arrests or charges followed a search that returned no candidate at all?
-- param agency=
-- param zone=America/Los_Angeles
WITH
    days AS
    (
        -- Each has one at least, so the first forty lie in them.
        SELECT agency_id, day FROM frwatch.outcomes_by_day
        WHERE arrests_without_candidates > 0 AND ({agency:String} = '' OR agency_id = {agency:String})
        GROUP BY agency_id, day ORDER BY day LIMIT 40 WITH TIES
    ),
    ran AS
    (
        SELECT event_id, occurred_at, agency_id, case_number, provider_id, officer FROM frwatch.counted_searches
        WHERE candidates = 0 AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM days)
    ),
    told AS
    (
        SELECT event_id, agency_id, if(isNull(event_id), case_number, NULL) AS of_case, kind
        FROM frwatch.outcomes WHERE kind IN ('ARREST', 'CHARGE', 'CONVICTION')
    )
SELECT
    s.agency_id AS agency,
    ifNull(s.case_number, '') AS case,
    formatDateTime(s.occurred_at, '%F', {zone:String}) AS searched_on,
    ifNull(s.provider_id, 'in no catalogue') AS service,
    left(s.officer, 12) AS person,
    arrayStringConcat(arraySort(groupUniqArray(lower(o.kind))), ', ') AS told
-- As frwatch.search_outcomes has it: few searches are looked for among many outcomes.
FROM told AS o
INNER JOIN ran AS s ON s.event_id = o.event_id OR (s.agency_id = o.agency_id AND s.case_number = o.of_case)
GROUP BY s.event_id, s.occurred_at, agency, case, service, person
ORDER BY s.occurred_at, agency, case, toString(s.event_id)
LIMIT 40
