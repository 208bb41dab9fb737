-- The same searches on both sides of the ban: equal in all but their id and time.
SELECT
    if(provider_class = 'commercial', 'in a commercial service', 'for an outside agency') AS lapd_searches,
    countIf(occurred_at < toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')) AS before,
    countIf(occurred_at < toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')
        AND arrayExists(rule -> startsWith(rule, 'lapd-fr/'), broken_rules)) AS before_forbidden,
    countIf(occurred_at >= toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')) AS after,
    countIf(occurred_at >= toDateTime64('2020-11-13 00:00:00', 6, 'America/Los_Angeles')
        AND arrayExists(rule -> startsWith(rule, 'lapd-fr/'), broken_rules)) AS after_forbidden,
    uniqExact(officer) AS people
FROM frwatch.searches
WHERE agency_id = 'lapd' AND attributes['pair'] != ''
GROUP BY lapd_searches
ORDER BY lapd_searches DESC
