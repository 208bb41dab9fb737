-- Which people searched in commercial services, and how often before and after the ban?
-- param agency=lapd
-- param ban=2020-11-13 00:00:00
-- param zone=America/Los_Angeles
SELECT
    left(officer, 12) AS person,
    countIf(occurred_at < toDateTime64({ban:String}, 6, {zone:String})) AS before,
    count() - before AS after,
    countIf(account = 'trial') AS on_trial,
    uniqExact(case_number) AS cases,
    countIf(isNull(case_number)) AS no_case,
    formatDateTime(min(occurred_at), '%F', {zone:String}) AS first_day,
    formatDateTime(max(occurred_at), '%F', {zone:String}) AS last_day
FROM frwatch.counted_searches
WHERE agency_id = {agency:String} AND provider_class = 'commercial'
GROUP BY officer
ORDER BY count() DESC, person
LIMIT 40
