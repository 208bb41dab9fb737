-- An alert for each confirmed finding in searches that arrived from `first` to `end`.
INSERT INTO frwatch.alert_attempts_raw
(
    alert_id, destination, attempt, kind, route, group_key, violation_id, agency_id, policy_id, rule_id, severity, certainty,
    outcome, http_status, latency_us, occurred_at, detected_at, decided_at, due_at, attempted_at
)
SELECT
    reinterpret(sipHash128(violation_id, 1), 'UUID'), 'oversight-desk', 1, 'first', 'oversight',
    '["lapd"]', violation_id, agency_id, policy_id, rule_id, severity, certainty, 'delivered', 200, 31000, occurred_at,
    detected_at, detected_at, detected_at, detected_at + toIntervalMillisecond(80)
FROM frwatch.violations_raw
WHERE ingested_at >= {first:DateTime64(6, 'UTC')} AND ingested_at < {end:DateTime64(6, 'UTC')} AND certainty = 'CONFIRMED'
