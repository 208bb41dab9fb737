-- What did an agency search in commercial services before and after the ban?
-- param agency=lapd
-- param ban=2020-11-13 00:00:00
-- param zone=America/Los_Angeles
SELECT
    if(occurred_at < toDateTime64({ban:String}, 6, {zone:String}), 'before', 'after') AS side,
    count() AS searches,
    uniqExact(officer) AS people,
    countIf(account = 'trial') AS on_trial,
    countIf(account = 'personal') AS personal,
    uniqExact(case_number) AS cases,
    countIf(isNull(case_number)) AS no_case,
    countIf(event_id IN (SELECT event_id FROM frwatch.search_outcomes WHERE agency_id = {agency:String} AND kind = 'ARREST'))
        AS led_to_arrest,
    countIf(notEmpty(broken_rules)) AS break_a_rule
FROM frwatch.counted_searches
WHERE agency_id = {agency:String} AND provider_class = 'commercial'
GROUP BY side
ORDER BY side DESC
