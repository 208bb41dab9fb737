-- What was found, by rule: proved searches are confirmed, mere signs of one are suspected.
SELECT
    concat(policy_id, '/', rule_id) AS rule,
    any(severity) AS severity,
    countIf(certainty = 'CONFIRMED') AS confirmed,
    countIf(certainty = 'SUSPECTED') AS suspected,
    uniqExact(officer) AS people,
    uniqExact(agency_id) AS agencies,
    formatDateTime(min(occurred_at), '%F %T', 'America/Los_Angeles') AS first
FROM frwatch.violations
GROUP BY policy_id, rule_id
ORDER BY policy_id, confirmed + suspected DESC
