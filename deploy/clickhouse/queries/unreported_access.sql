-- Where was a service reached without any client reporting a search around it?
-- param agency=
SELECT
    agency_id AS agency,
    ifNull(provider_id, 'in no catalogue') AS service,
    ifNull(endpoint_host, '') AS host,
    source,
    count() AS times,
    uniqExact(officer) AS people,
    countIf(isNull(officer)) AS by_nobody_named,
    formatDateTime(max(occurred_at), '%F', 'UTC') AS last_day
FROM frwatch.unreported_access
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, service, host, source
ORDER BY times DESC, agency, service, host, source
LIMIT 40
