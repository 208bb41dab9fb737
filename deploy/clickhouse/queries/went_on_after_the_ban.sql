-- Which people went on in commercial services after the ban, how soon, and under which name?
-- param agency=lapd
-- param ban=2020-11-13 00:00:00
-- param zone=America/Los_Angeles
SELECT
    left(officer, 12) AS person,
    count() AS searches,
    dateDiff('day', toDate({ban:String}), toDate(min(occurred_at), {zone:String})) AS first_after_days,
    formatDateTime(max(occurred_at), '%F', {zone:String}) AS last_day,
    countIf(isNotNull(provider_conflict)) AS under_another_name,
    uniqExact(case_number) AS cases
FROM frwatch.counted_searches
WHERE agency_id = {agency:String} AND provider_class = 'commercial'
    AND occurred_at >= toDateTime64({ban:String}, 6, {zone:String})
GROUP BY officer
ORDER BY first_after_days, person
