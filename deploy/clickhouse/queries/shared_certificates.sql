-- Which certificates of training are used by more than one person?
-- param agency=lapd
SELECT
    assumeNotNull(training_cert) AS certificate,
    uniqExact(officer) AS people,
    count() AS searches,
    formatDateTime(min(occurred_at), '%F', 'UTC') AS first_day,
    formatDateTime(max(occurred_at), '%F', 'UTC') AS last_day
FROM frwatch.counted_searches
WHERE agency_id = {agency:String} AND notEmpty(ifNull(training_cert, ''))
GROUP BY certificate
HAVING people > 1
ORDER BY people DESC, searches DESC, certificate
LIMIT 20
