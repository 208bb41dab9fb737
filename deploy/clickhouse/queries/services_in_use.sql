-- Which services does each agency use, and who operates them?
-- param agency=
SELECT
    agency_id AS agency,
    ifNull(provider_id, 'in no catalogue') AS service,
    provider_class AS class,
    any(ifNull(operator, '')) AS operated_by,
    sum(s.searches) AS searches,
    uniqExactArray(s.people) AS people,
    formatDateTime(min(first_at), '%F', 'UTC') AS first_day,
    formatDateTime(max(last_at), '%F', 'UTC') AS last_day
FROM frwatch.services_by_month AS s
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, service, class
ORDER BY agency, searches DESC, service
