-- Which services does each agency use, and who operates them?
-- param agency=
SELECT
    agency_id AS agency,
    ifNull(provider_id, 'in no catalogue') AS service,
    provider_class AS class,
    any(ifNull(operator, '')) AS operated_by,
    count() AS searches,
    uniqExact(officer) AS people,
    formatDateTime(min(occurred_at), '%F', 'UTC') AS first_day,
    formatDateTime(max(occurred_at), '%F', 'UTC') AS last_day
FROM frwatch.counted_searches
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, service, class
ORDER BY agency, searches DESC, service
