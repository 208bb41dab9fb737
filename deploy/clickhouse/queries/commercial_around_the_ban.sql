-- What did an agency search in commercial services before and after the ban?
-- param agency=lapd
-- param ban=2020-11-13 00:00:00
-- param zone=America/Los_Angeles
WITH arrests AS
(
    SELECT event_id, agency_id, case_number FROM frwatch.outcomes WHERE kind = 'ARREST'
)
SELECT
    if(occurred_at < toDateTime64({ban:String}, 6, {zone:String}), 'before', 'after') AS side,
    count() AS searches,
    -- Hashes instead of the names: there may be nearly as many cases as searches.
    uniqExact(cityHash64(officer)) AS people,
    countIf(account = 'trial') AS on_trial,
    countIf(account = 'personal') AS personal,
    uniqExact(cityHash64(case_number)) AS cases,
    countIf(isNull(case_number)) AS no_case,
    countIf
    (
        event_id IN (SELECT assumeNotNull(event_id) FROM arrests WHERE isNotNull(event_id))
        OR case_number IN (SELECT case_number FROM arrests WHERE isNull(event_id) AND agency_id = {agency:String})
    ) AS led_to_arrest,
    countIf(notEmpty(broken_rules)) AS break_a_rule
FROM frwatch.counted_searches
WHERE agency_id = {agency:String} AND provider_class = 'commercial'
GROUP BY side
ORDER BY side DESC
