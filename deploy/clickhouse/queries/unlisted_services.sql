-- Which services that no catalogue knows are used, by whom, and by what sign?
SELECT
    ifNull(provider, '') AS named,
    ifNull(endpoint_host, '') AS host,
    evidence AS sign,
    count() AS events,
    uniqExact(agency_id) AS agencies,
    uniqExact(officer) AS people,
    formatDateTime(max(occurred_at), '%F', 'UTC') AS last_day
FROM frwatch.searches
WHERE provider_class = 'unknown'
GROUP BY named, host, sign
ORDER BY events DESC, named, host, sign
LIMIT 40
