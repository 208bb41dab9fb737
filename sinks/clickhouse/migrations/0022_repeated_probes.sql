-- Which probe was searched again and again: over a state's year that groups as many images as there are searches, and
-- took fourteen seconds.
--
-- Of each probe that was searched more than once there is a document for each agency, as `rollup_documents` are for a
-- day.  What comes is written down by event and probe; up to the watermark that is heeded, and the probes of what came
-- later are counted from the tables.  A copy that came first may put another probe in the place of one that was
-- counted: a document says of which events it is, so it is found by them.

ALTER TABLE frwatch.searches_raw ADD INDEX IF NOT EXISTS probes cityHash64(assumeNotNull(probe_hash)) TYPE bloom_filter(0.001) GRANULARITY 1;
ALTER TABLE frwatch.searches_raw MATERIALIZE INDEX probes;

CREATE TABLE IF NOT EXISTS frwatch.rollup_probe_marks
(
    marked_at DateTime64(6, 'UTC') COMMENT 'When an insert with it began, by the engine''s clock, UTC.' CODEC(Delta, ZSTD(1)),
    agency_id LowCardinality(String) COMMENT 'The agency.',
    event UInt64 COMMENT 'Hash of the event_id.',
    probe_key UInt64 COMMENT 'Hash of the probe_hash; 0 where there is none.'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(marked_at)
ORDER BY marked_at
-- A watermark that is 50 days old counts for nothing.
TTL toDateTime(marked_at) + toIntervalDay(60)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 0, replicated_deduplication_window = 0
COMMENT 'Searches that were touched in the last 60 days, and the probes that they name.';

CREATE TABLE IF NOT EXISTS frwatch.rollup_probe_documents
(
    probe_key UInt64 COMMENT 'Hash of the probe_hash.',
    agency_id LowCardinality(String) COMMENT 'The agency.',
    run UInt64 COMMENT 'The run that made it; the highest counts.',
    probe String COMMENT 'The first twelve digits of the probe_hash; empty where there is nothing to count any more.',
    searches UInt64 COMMENT 'How many rows of frwatch.counted_searches; 0 where it is searched no more than once by now.',
    people UInt64 COMMENT 'How many people ran them.',
    cases UInt64 COMMENT 'How many cases they name.',
    services Array(LowCardinality(String)) COMMENT 'The providers; an empty text for a service in no catalogue.',
    first_at DateTime64(6, 'UTC') COMMENT 'When the first of them ran, UTC.',
    last_at DateTime64(6, 'UTC') COMMENT 'When the last of them ran, UTC.',
    events Array(UInt64) COMMENT 'Hashes of their event_ids.'
)
ENGINE = ReplacingMergeTree(run)
-- Each part of the keys is looked at by itself.
PARTITION BY intDiv(probe_key, 1152921504606846976)
ORDER BY (probe_key, agency_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Probes that were searched more than once, in all agencies together, by agency. Query frwatch.repeated_probes instead.';

CREATE TABLE IF NOT EXISTS frwatch.rollup_probe_watermarks
(
    through DateTime64(6, 'UTC') COMMENT 'What was touched up to then is in documents, UTC; the last one counts.'
)
ENGINE = ReplacingMergeTree(through)
ORDER BY tuple()
COMMENT 'How far documents of probes are made.';

CREATE MATERIALIZED VIEW IF NOT EXISTS frwatch.rollup_probe_marks_of_searches TO frwatch.rollup_probe_marks AS
SELECT
    now64(6, 'UTC') AS marked_at, agency_id, cityHash64(event_id) AS event,
    if(ifNull(probe_hash, '') = '', 0, cityHash64(assumeNotNull(probe_hash))) AS probe_key
FROM frwatch.searches_raw;
ALTER TABLE frwatch.rollup_probe_marks_of_searches MODIFY DEFINER = CURRENT_USER SQL SECURITY DEFINER;
ALTER TABLE frwatch.rollup_probe_marks_of_searches MODIFY COMMENT 'Writes down which searches came, and the probes that they name.';

-- What was stored before, the searches of one probe at one moment, so that it need not be taken at once.
INSERT INTO frwatch.rollup_probe_marks
SELECT
    now64(6, 'UTC') - toIntervalMicrosecond(probe_key % 256) AS marked_at, agency_id, cityHash64(event_id) AS event,
    cityHash64(assumeNotNull(probe_hash)) AS probe_key
FROM frwatch.searches_raw WHERE ifNull(probe_hash, '') != '';

CREATE VIEW IF NOT EXISTS frwatch.rollup_probes_open SQL SECURITY INVOKER AS
WITH (SELECT max(through) FROM frwatch.rollup_probe_watermarks) AS through
SELECT probe_key FROM frwatch.rollup_probe_marks WHERE marked_at > through AND probe_key != 0
UNION ALL
SELECT probe_key FROM frwatch.rollup_probe_documents ARRAY JOIN events AS event
WHERE event IN (SELECT event FROM frwatch.rollup_probe_marks WHERE marked_at > through)
COMMENT 'Probes that are counted from the tables themselves: they were touched after the last watermark.';

CREATE VIEW IF NOT EXISTS frwatch.repeated_probes SQL SECURITY INVOKER AS
SELECT probe_key, agency_id, probe, searches, people, cases, services, first_at, last_at
FROM frwatch.rollup_probe_documents FINAL
WHERE searches > 0 AND probe_key NOT IN (SELECT probe_key FROM frwatch.rollup_probes_open)
    AND (SELECT max(through) FROM frwatch.rollup_probe_watermarks) > now64(6, 'UTC') - toIntervalDay(50)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    cityHash64(assumeNotNull(probe_hash)) AS probe_key, agency_id, left(any(assumeNotNull(probe_hash)), 12) AS probe,
    count() AS searches, uniqExact(officer) AS people, uniqExact(case_number) AS cases,
    groupUniqArray(ifNull(provider_id, '')) AS services, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM frwatch.counted_searches
WHERE ifNull(probe_hash, '') != '' AND
(
    (SELECT max(through) FROM frwatch.rollup_probe_watermarks) <= now64(6, 'UTC') - toIntervalDay(50)
    OR (agency_id, toDate32(occurred_at), event_id) IN
    (
        SELECT agency_id, toDate32(occurred_at), event_id FROM frwatch.searches_raw
        WHERE cityHash64(assumeNotNull(probe_hash)) IN (SELECT probe_key FROM frwatch.rollup_probes_open)
    )
)
GROUP BY probe_key, agency_id
COMMENT 'How often each probe was searched, by agency: all that were searched more than once, in all agencies together, and perhaps some others that came just now. Group by probe_key; people and cases are an agency''s own, so their sums are right.';

ALTER TABLE frwatch.repeated_probes
    COMMENT COLUMN probe 'The first twelve digits of the probe_hash.',
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN people 'How many people ran them.',
    COMMENT COLUMN cases 'How many cases they name.',
    COMMENT COLUMN services 'The providers; an empty text for a service in no catalogue.',
    COMMENT COLUMN first_at 'When the first of them ran, UTC.',
    COMMENT COLUMN last_at 'When the last of them ran, UTC.';
