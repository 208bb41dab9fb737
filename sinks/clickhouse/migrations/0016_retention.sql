-- How long events are kept, what a legal hold keeps longer, and what has been removed.

CREATE TABLE IF NOT EXISTS frwatch.legal_holds_raw
(
    hold_id UUID COMMENT 'Identity of the hold.',
    action LowCardinality(String) COMMENT 'placed or released.',
    agency_id LowCardinality(String) COMMENT 'Whose case it is.',
    case_number String COMMENT 'The case.',
    at DateTime64(6, 'UTC') COMMENT 'When it was said, UTC.',
    said_by String COMMENT 'Who said so.',
    reason String COMMENT 'Why, as they said.'
)
ENGINE = MergeTree
ORDER BY (hold_id, action)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every word on a legal hold, in the order in which it was said; nothing in it is ever changed but by an expungement.';

CREATE VIEW IF NOT EXISTS frwatch.legal_holds SQL SECURITY INVOKER AS
SELECT
    h.hold_id AS hold_id, any(h.agency_id) AS agency_id, any(h.case_number) AS case_number,
    minIf(h.at, h.action = 'placed') AS placed_at, argMinIf(h.said_by, h.at, h.action = 'placed') AS placed_by,
    argMinIf(h.reason, h.at, h.action = 'placed') AS reason,
    minOrNullIf(h.at, h.action = 'released') AS released_at,
    argMinIf(h.said_by, h.at, h.action = 'released') AS released_by,
    argMinIf(h.reason, h.at, h.action = 'released') AS released_because,
    countIf(h.action = 'released') = 0 AS in_force
FROM frwatch.legal_holds_raw AS h GROUP BY h.hold_id
COMMENT 'One row for each legal hold: who placed it on which case and why, and who released it.';

ALTER TABLE frwatch.legal_holds
    COMMENT COLUMN placed_at 'When it was placed, UTC.',
    COMMENT COLUMN placed_by 'Who placed it.',
    COMMENT COLUMN released_at 'When it was released, UTC; null while it is in force.',
    COMMENT COLUMN released_by 'Who released it; empty while it is in force.',
    COMMENT COLUMN released_because 'Why it was released; empty while it is in force.',
    COMMENT COLUMN in_force 'Whether nobody has released it.';

CREATE VIEW IF NOT EXISTS frwatch.held_cases SQL SECURITY INVOKER AS
SELECT agency_id, lowerUTF8(trim(case_number)) AS case_number FROM frwatch.legal_holds WHERE in_force
COMMENT 'Cases of which nothing may be removed; case_number in lower case, without blanks around it.';

CREATE TABLE IF NOT EXISTS frwatch.retention_floors_raw
(
    agency_id LowCardinality(String) COMMENT 'The agency; empty for all that have no row of their own.',
    evidence LowCardinality(String) COMMENT 'SEARCH, ACCESS or LOOKUP.',
    before DateTime64(6, 'UTC') COMMENT 'What occurred before then was removed, UTC.',
    said_by String COMMENT 'Who removed it.',
    at DateTime64(6, 'UTC') COMMENT 'When, UTC.'
)
ENGINE = MergeTree
ORDER BY (agency_id, evidence, at)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Up to when events have been removed, each time that they were. Query frwatch.retention_floors instead.';

CREATE VIEW IF NOT EXISTS frwatch.retention_floors SQL SECURITY INVOKER AS
SELECT f.agency_id AS agency_id, f.evidence AS evidence, max(f.before) AS before, max(f.at) AS at
FROM frwatch.retention_floors_raw AS f GROUP BY f.agency_id, f.evidence
COMMENT 'What occurred before these moments has been removed, but for cases under a legal hold: a copy of it that comes later is not stored.';

CREATE TABLE IF NOT EXISTS frwatch.retention_removals_raw
(
    run_id UUID COMMENT 'The run that removed them.',
    at DateTime64(6, 'UTC') COMMENT 'When the run ended, UTC.',
    said_by String COMMENT 'Who ran it.',
    agency_id LowCardinality(String) COMMENT 'The agency.',
    evidence LowCardinality(String) COMMENT 'SEARCH, ACCESS or LOOKUP.',
    month UInt32 COMMENT 'Month in which they occurred, UTC, as 202011.',
    events UInt64 COMMENT 'How many events were removed.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, agency_id, evidence, month)
COMMENT 'What retention has removed. Query frwatch.retention_removals instead.';

CREATE VIEW IF NOT EXISTS frwatch.retention_removals SQL SECURITY INVOKER AS SELECT * FROM frwatch.retention_removals_raw FINAL
COMMENT 'How many events of which agency, evidence and month each run of frwatch retention apply has removed.';

-- What a run is removing.  The list is empty when no run is under way: what was cut off is found in it.
CREATE TABLE IF NOT EXISTS frwatch.retention_doomed
(
    run_id UUID COMMENT 'The run.',
    said_by String COMMENT 'Who runs it.',
    kind LowCardinality(String) COMMENT 'search or outcome.',
    id UUID COMMENT 'Its event_id or outcome_id.',
    agency_id LowCardinality(String) COMMENT 'The agency.',
    evidence LowCardinality(String) COMMENT 'SEARCH, ACCESS or LOOKUP; empty for an outcome.',
    day Date32 COMMENT 'Day on which it occurred, UTC.'
)
ENGINE = MergeTree
ORDER BY (run_id, kind, id)
COMMENT 'What a run of frwatch retention apply is removing; empty when none is under way.';

CREATE VIEW IF NOT EXISTS frwatch.held_events SQL SECURITY INVOKER AS
SELECT s.event_id AS event_id FROM frwatch.searches_raw AS s
WHERE (s.agency_id, lowerUTF8(trim(ifNull(s.case_number, '')))) IN (SELECT agency_id, case_number FROM frwatch.held_cases)
UNION ALL
SELECT assumeNotNull(o.event_id) AS event_id FROM frwatch.outcomes_raw AS o
WHERE isNotNull(o.event_id)
    AND (o.agency_id, lowerUTF8(trim(ifNull(o.case_number, '')))) IN (SELECT agency_id, case_number FROM frwatch.held_cases)
COMMENT 'Searches that a legal hold keeps: a copy of them, or an outcome of theirs, names the case.';

CREATE TABLE IF NOT EXISTS frwatch.past_retention_raw
(
    kafka_topic LowCardinality(String) COMMENT 'Where the record stands.',
    kafka_partition Int32 COMMENT 'Partition of the topic.',
    kafka_offset Int64 COMMENT 'Offset in the partition.',
    agency_id LowCardinality(String) COMMENT 'The agency.',
    evidence LowCardinality(String) COMMENT 'SEARCH, ACCESS or LOOKUP; empty for an outcome.',
    month UInt32 COMMENT 'Month in which it occurred, UTC, as 202011.',
    ingested_at DateTime64(6, 'UTC') COMMENT 'When the worker took it from Kafka, UTC.'
)
ENGINE = ReplacingMergeTree
ORDER BY (kafka_topic, kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Records that came when their time was over and are not stored, without what they say. Query frwatch.past_retention instead.';

CREATE VIEW IF NOT EXISTS frwatch.past_retention SQL SECURITY INVOKER AS SELECT * FROM frwatch.past_retention_raw FINAL
COMMENT 'One row for each record that came when events of its time had been removed: it is not stored.';
