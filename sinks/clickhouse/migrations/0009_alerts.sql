-- Who was told of what, when, with what outcome, and who has taken it on.  Nothing was ever written to alerts_raw.

CREATE TABLE IF NOT EXISTS frwatch.alert_attempts_raw
(
    alert_id UUID COMMENT 'Identity of the alert; the same at every attempt, and the key that a receiver gets.',
    destination LowCardinality(String) COMMENT 'Name of the destination; never its address.',
    attempt UInt32 COMMENT 'Counts from 1 for each alert and destination.',
    kind LowCardinality(String) COMMENT 'first of a group, summary of what followed, escalation, or test.',
    route LowCardinality(String) COMMENT 'Name of the route.',
    group_key String COMMENT 'The group that is counted together, as JSON.',
    follows Nullable(UUID) COMMENT 'The alert that a summary or an escalation follows.',
    violation_id UUID COMMENT 'The violation that the alert tells, or that a summary began with.',
    agency_id LowCardinality(String) COMMENT 'The agency whose policy is broken.',
    policy_id LowCardinality(String) COMMENT 'The policy.',
    rule_id LowCardinality(String) COMMENT 'Its rule.',
    severity LowCardinality(String) COMMENT 'INFO, LOW, MEDIUM, HIGH or CRITICAL.',
    certainty LowCardinality(String) COMMENT 'CONFIRMED, or SUSPECTED where the evidence does not prove a search.',
    outcome LowCardinality(String) COMMENT 'delivered, failed (tried again later) or given_up.',
    error LowCardinality(String) COMMENT 'Why it failed, in words of frwatch; empty where it did not.',
    http_status Nullable(UInt16) COMMENT 'What a webhook answered.',
    latency_us UInt64 COMMENT 'How long the attempt took, in microseconds.',
    suppressed UInt32 COMMENT 'How many violations a summary tells; 0 for other kinds.',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the search ran, UTC.',
    detected_at DateTime64(6, 'UTC') COMMENT 'When it was judged, UTC.',
    decided_at DateTime64(6, 'UTC') COMMENT 'When the alert was decided, UTC.',
    due_at DateTime64(6, 'UTC') COMMENT 'From when on it was to be sent, UTC: quiet hours hold it.',
    attempted_at DateTime64(6, 'UTC') COMMENT 'When the attempt ended, UTC.',
    precedence UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(attempted_at) COMMENT 'The first copy counts.'
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(decided_at)
ORDER BY (alert_id, destination, attempt)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of an attempt to tell somebody. Query frwatch.alerts instead.';

CREATE TABLE IF NOT EXISTS frwatch.alert_acknowledgements_raw
(
    alert_id UUID COMMENT 'The alert.',
    acknowledged_at DateTime64(6, 'UTC') COMMENT 'When somebody said so, UTC.',
    acknowledged_by String COMMENT 'Who has it, as they said.',
    note String COMMENT 'What they said about it.'
)
ENGINE = ReplacingMergeTree
ORDER BY (alert_id, acknowledged_at, acknowledged_by)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of an acknowledgement. Query frwatch.alert_acknowledgements instead.';

CREATE VIEW IF NOT EXISTS frwatch.alert_acknowledgements AS
SELECT * FROM frwatch.alert_acknowledgements_raw FINAL
COMMENT 'Who has taken an alert on; one may be acknowledged several times.';

CREATE OR REPLACE VIEW frwatch.alerts AS
SELECT
    a.* EXCEPT (precedence),
    k.acknowledged_at AS acknowledged_at, k.acknowledged_by AS acknowledged_by, k.note AS note
FROM (SELECT * FROM frwatch.alert_attempts_raw FINAL) AS a
LEFT JOIN
(
    SELECT
        w.alert_id AS alert_id,
        toNullable(min(w.acknowledged_at)) AS acknowledged_at,
        toNullable(argMin(w.acknowledged_by, w.acknowledged_at)) AS acknowledged_by,
        toNullable(argMin(w.note, w.acknowledged_at)) AS note
    FROM frwatch.alert_acknowledgements_raw AS w FINAL GROUP BY w.alert_id
) AS k ON k.alert_id = a.alert_id
COMMENT 'One row for each attempt to tell somebody of a violation, with who has acknowledged the alert first.';

CREATE VIEW IF NOT EXISTS frwatch.alerts_delivered AS
SELECT
    t.alert_id AS alert_id, t.destination AS destination,
    any(t.kind) AS kind, any(t.route) AS route, any(t.group_key) AS group_key, any(t.follows) AS follows,
    any(t.violation_id) AS violation_id, any(t.agency_id) AS agency_id, any(t.policy_id) AS policy_id,
    any(t.rule_id) AS rule_id, any(t.severity) AS severity, any(t.certainty) AS certainty,
    max(t.attempt) AS attempts, argMax(t.outcome, t.attempt) AS outcome, argMax(t.error, t.attempt) AS error,
    max(t.suppressed) AS suppressed,
    any(t.occurred_at) AS occurred_at, any(t.detected_at) AS detected_at, any(t.decided_at) AS decided_at,
    min(t.due_at) AS due_at, max(t.attempted_at) AS attempted_at,
    minOrNullIf(t.attempted_at, t.outcome = 'delivered') AS delivered_at,
    any(t.acknowledged_at) AS acknowledged_at, any(t.acknowledged_by) AS acknowledged_by, any(t.note) AS note
FROM frwatch.alerts AS t GROUP BY t.alert_id, t.destination
COMMENT 'One row for each alert and destination: how often it was tried, with what outcome, and when it arrived.';

CREATE VIEW IF NOT EXISTS frwatch.alert_latency AS
SELECT
    assumeNotNull(toDate(d.delivered_at)) AS day, d.route AS route, d.destination AS destination, count() AS alerts,
    quantiles(0.5, 0.9, 0.99)(dateDiff('microsecond', d.occurred_at, assumeNotNull(d.delivered_at)) / 1e6) AS from_search,
    quantilesIf(0.5, 0.9, 0.99)(dateDiff('microsecond', v.ingested_at, assumeNotNull(d.delivered_at)) / 1e6, v.ingested_at > toDateTime64(0, 6, 'UTC')) AS from_arrival,
    quantiles(0.5, 0.9, 0.99)(dateDiff('microsecond', d.detected_at, assumeNotNull(d.delivered_at)) / 1e6) AS from_detection,
    quantiles(0.5, 0.9, 0.99)(dateDiff('microsecond', greatest(d.due_at, d.decided_at), assumeNotNull(d.delivered_at)) / 1e6) AS from_due
FROM frwatch.alerts_delivered AS d
LEFT JOIN frwatch.violations AS v ON v.violation_id = d.violation_id
WHERE d.kind = 'first' AND isNotNull(d.delivered_at)
GROUP BY day, route, destination
COMMENT 'How long first alerts took, in seconds, as the quantiles 0.5, 0.9 and 0.99: from the search, from the arrival of the event, from its judgement, and from when the alert was due.';

DROP TABLE IF EXISTS frwatch.alerts_raw;
