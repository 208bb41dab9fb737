-- Which people search without a certificate of training since it is required?
-- param agency=lapd
-- param since=2020-11-13 00:00:00
-- param zone=America/Los_Angeles
SELECT
    left(officer, 12) AS person,
    count() AS searches,
    countIf(empty(trimBoth(ifNull(training_cert, '')))) AS without,
    uniqExact(training_cert) AS certificates,
    formatDateTime(maxIf(occurred_at, empty(trimBoth(ifNull(training_cert, '')))), '%F', {zone:String}) AS last_without
FROM frwatch.counted_searches
WHERE agency_id = {agency:String} AND isNotNull(officer)
    AND occurred_at >= toDateTime64({since:String}, 6, {zone:String})
GROUP BY officer
HAVING without > 0
ORDER BY without DESC, searches DESC, person
LIMIT 40
