-- What did one person search, month by month? (the first digits of a pseudonym)
-- param person
-- param zone=America/Los_Angeles
WITH places AS
(
    -- Rows are found by agency and day.
    SELECT agency_id, toDate32(occurred_at) AS day FROM frwatch.counted_searches
    WHERE startsWith(officer, {person:String}) AND length({person:String}) >= 8
    GROUP BY agency_id, day
)
SELECT
    formatDateTime(occurred_at, '%Y-%m', {zone:String}) AS month,
    agency_id AS agency,
    count() AS searches,
    countIf(provider_class = 'commercial') AS commercial,
    uniqExact(cityHash64(case_number)) AS cases,
    countIf(isNull(case_number)) AS no_case,
    countIf(certainty = 'CONFIRMED') AS break_a_rule
FROM frwatch.counted_searches
WHERE startsWith(officer, {person:String}) AND length({person:String}) >= 8
    AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM places)
GROUP BY month, agency
ORDER BY month, agency
LIMIT 100
