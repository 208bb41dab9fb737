-- Which alerts has nobody taken on, the oldest first?
SELECT
    alert_id,
    agency_id AS agency,
    concat(policy_id, '/', rule_id) AS rule,
    severity,
    certainty,
    destination,
    outcome,
    formatDateTime(decided_at, '%F %T', 'UTC') AS decided
FROM frwatch.alerts_delivered
WHERE isNull(acknowledged_at) AND kind IN ('first', 'escalation')
ORDER BY decided_at, alert_id, destination
LIMIT 40
