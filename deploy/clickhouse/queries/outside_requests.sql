-- For which outside agencies did an agency search, how is it known, and was a form given?
-- param agency=lapd
-- param ban=2020-11-13 00:00:00
-- param zone=America/Los_Angeles
SELECT
    assumeNotNull(outside_agency_id) AS asked_by,
    assumeNotNull(outside_agency_basis) AS known_by,
    count() AS searches,
    countIf(occurred_at >= toDateTime64({ban:String}, 6, {zone:String})) AS after_the_ban,
    countIf(isNull(request_ref)) AS without_a_form,
    uniqExact(officer) AS people
FROM frwatch.counted_searches
WHERE outside_agency AND isNotNull(outside_agency_id) AND agency_id = {agency:String}
GROUP BY asked_by, known_by
ORDER BY searches DESC, asked_by, known_by
