-- Which cases were searched most, by how many people, and in how many services?
-- param agency=
WITH most AS
(
    -- Hashes instead of the numbers: there may be nearly as many cases as searches.
    SELECT cityHash64(agency_id, assumeNotNull(case_number)) AS case_key, count() AS times
    FROM frwatch.counted_searches
    WHERE notEmpty(ifNull(case_number, '')) AND ({agency:String} = '' OR agency_id = {agency:String})
    GROUP BY case_key ORDER BY times DESC LIMIT 20 WITH TIES
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
    AND cityHash64(agency_id, assumeNotNull(case_number)) IN (SELECT case_key FROM most)
GROUP BY agency, case
ORDER BY searches DESC, agency, case
LIMIT 20
