-- Where was a service reached without any client reporting a search around it?
-- param agency=
SELECT
    agency_id AS agency,
    ifNull(provider_id, 'in no catalogue') AS service,
    ifNull(endpoint_host, '') AS host,
    source,
    sum(u.times) AS times,
    uniqExactArray(u.people) AS people,
    sum(u.unnamed) AS by_nobody_named,
    formatDateTime(max(last_at), '%F', 'UTC') AS last_day
FROM frwatch.unreported_by_day AS u
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, service, host, source
ORDER BY times DESC, agency, service, host, source
LIMIT 40
