-- Which cases were searched most, by how many people, and in how many services?
-- param agency=
WITH
(
    -- The twenty cases that may have the most searches. Where it is certain that all of them have so many, no other has more.
    SELECT
        (
            countIf(at_least = at_most AND at_most > others_at_most) = 20,
            groupArray(cityHash64(agency_id, case_number)),
            groupArrayArray(arrayMap(day -> (agency_id, day), days))
        )
    FROM
    (
        SELECT agency_id, case_number, at_least, at_most, others_at_most, days FROM frwatch.case_counts
        WHERE {agency:String} = '' OR agency_id = {agency:String}
        ORDER BY at_most DESC, agency_id, case_number LIMIT 20
    )
) AS found,
found.1 AS proven, found.2 AS case_keys, found.3 AS places,
most AS
(
    SELECT arrayJoin(case_keys) AS case_key WHERE proven
    UNION ALL
    SELECT case_key FROM
    (
        -- Hashes instead of the numbers: there may be nearly as many cases as searches.
        SELECT cityHash64(agency_id, assumeNotNull(case_number)) AS case_key, count() AS times
        FROM frwatch.counted_searches
        WHERE NOT proven AND notEmpty(ifNull(case_number, '')) AND ({agency:String} = '' OR agency_id = {agency:String})
        GROUP BY case_key ORDER BY times DESC LIMIT 20 WITH TIES
    )
)
SELECT
    agency_id AS agency,
    assumeNotNull(case_number) AS case,
    count() AS searches,
    uniqExact(officer) AS people,
    uniqExact(provider_id) AS services,
    uniqExact(probe_hash) AS images,
    countIf(notEmpty(broken_rules)) AS break_a_rule
FROM frwatch.counted_searches
WHERE notEmpty(ifNull(case_number, '')) AND ({agency:String} = '' OR agency_id = {agency:String})
    AND (NOT proven OR (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(places)))
    AND cityHash64(agency_id, assumeNotNull(case_number)) IN (SELECT case_key FROM most)
GROUP BY agency, case
ORDER BY searches DESC, agency, case
LIMIT 20
