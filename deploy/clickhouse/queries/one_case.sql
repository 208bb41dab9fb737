-- What was searched for one case: when, by whom, in which service, with what outcome?
-- param agency
-- param case
-- param zone=America/Los_Angeles
-- The defence of an accused person asks this.
WITH told AS
(
    SELECT event_id, arrayStringConcat(arraySort(groupUniqArray(lower(replaceAll(kind, '_', ' ')))), ', ') AS kinds
    FROM frwatch.search_outcomes WHERE agency_id = {agency:String} GROUP BY event_id
)
SELECT
    formatDateTime(s.occurred_at, '%F %T', {zone:String}) AS at,
    left(s.officer, 12) AS person,
    ifNull(s.provider_id, 'in no catalogue') AS service,
    arrayStringConcat(s.galleries, ', ') AS databases,
    s.candidates AS candidates_back,
    left(s.probe_hash, 12) AS image,
    isNotNull(s.approved_by)::Bool AS approved,
    arrayStringConcat(s.broken_rules, ', ') AS broken,
    t.kinds AS told_outcomes
FROM frwatch.counted_searches AS s
LEFT JOIN told AS t ON t.event_id = s.event_id
WHERE s.agency_id = {agency:String} AND s.case_number = {case:String}
ORDER BY s.occurred_at, s.event_id
LIMIT 100
