-- What did one person search, month by month? (the first digits of a pseudonym)
-- param person
-- param zone=America/Los_Angeles
SELECT
    formatDateTime(occurred_at, '%Y-%m', {zone:String}) AS month,
    agency_id AS agency,
    count() AS searches,
    countIf(provider_class = 'commercial') AS commercial,
    uniqExact(case_number) AS cases,
    countIf(isNull(case_number)) AS no_case,
    countIf(certainty = 'CONFIRMED') AS break_a_rule
FROM frwatch.counted_searches
WHERE startsWith(ifNull(officer, ''), {person:String}) AND length({person:String}) >= 8
    -- Rows are found by agency and day.
    AND (agency_id, toDate32(occurred_at)) IN
    (
        SELECT agency_id, toDate32(occurred_at) FROM frwatch.counted_searches
        WHERE startsWith(ifNull(officer, ''), {person:String})
    )
GROUP BY month, agency
ORDER BY month, agency
LIMIT 100
