-- Do findings become fewer: how many of a thousand searches broke a rule, month by month?
-- param agency=lapd
-- param zone=America/Los_Angeles
SELECT
    formatDateTime(occurred_at, '%Y-%m', {zone:String}) AS month,
    count() AS searches,
    countIf(certainty = 'CONFIRMED') AS proven,
    countIf(certainty = 'SUSPECTED') AS not_proven,
    round(1000 * proven / searches, 1) AS proven_per_thousand
FROM frwatch.counted_searches
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY month
ORDER BY month
