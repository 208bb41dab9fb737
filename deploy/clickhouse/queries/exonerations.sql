-- Which matches ended in an exoneration, and how sure had the service been?
-- param zone=America/Los_Angeles
SELECT
    s.agency_id AS agency,
    ifNull(s.case_number, '') AS case,
    formatDateTime(s.occurred_at, '%F', {zone:String}) AS searched_on,
    formatDateTime(min(o.recorded_at), '%F', {zone:String}) AS exonerated_on,
    ifNull(s.provider_id, 'in no catalogue') AS service,
    any(s.top_score) AS best_score,
    any(s.candidates) AS candidates_back,
    any(isNotNull(s.approved_by))::Bool AS approved
FROM frwatch.counted_searches AS s
INNER JOIN frwatch.search_outcomes AS o ON o.event_id = s.event_id
WHERE o.kind = 'EXONERATION'
GROUP BY s.event_id, agency, case, searched_on, service
ORDER BY searched_on, agency, case, toString(s.event_id)
LIMIT 40
