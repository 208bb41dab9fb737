-- Which cases were searched most, by how many people, and in how many services?
-- param agency=
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
GROUP BY agency, case
ORDER BY searches DESC, agency, case
LIMIT 20
