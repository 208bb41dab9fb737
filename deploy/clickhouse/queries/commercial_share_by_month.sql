-- What share of the searches ran in commercial services, month by month?
-- param agency=lapd
-- param zone=America/Los_Angeles
SELECT
    formatDateTime(occurred_at, '%Y-%m', {zone:String}) AS month,
    count() AS searches,
    countIf(provider_class = 'commercial') AS commercial,
    round(100 * commercial / searches, 1) AS percent
FROM frwatch.counted_searches
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY month
ORDER BY month
