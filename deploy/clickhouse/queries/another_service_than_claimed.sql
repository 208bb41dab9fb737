-- Where did a client name one service and reach another?
SELECT
    agency_id AS agency,
    assumeNotNull(provider_conflict) AS claimed,
    ifNull(provider_id, 'in no catalogue') AS reached,
    endpoint_host AS host,
    count() AS searches,
    uniqExact(officer) AS people,
    countIf(notEmpty(broken_rules)) AS break_a_rule,
    formatDateTime(min(occurred_at), '%F', 'UTC') AS first_day
FROM frwatch.searches
WHERE isNotNull(provider_conflict)
GROUP BY agency, claimed, reached, host
ORDER BY searches DESC, agency, claimed, reached, host
