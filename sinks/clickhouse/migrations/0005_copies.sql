-- Copies of a search that differ: in agency, day, content, or in what judged them.  The first to arrive wins in every
-- table; what the others said otherwise is counted in search_differences.

-- Where each copy arrived, and a hash of what it said: merges drop all copies but one of searches_raw.
CREATE TABLE IF NOT EXISTS frwatch.search_arrivals
(
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64,
    event_id UUID,
    agency_id LowCardinality(String) COMMENT 'As stored in searches.',
    occurred_at DateTime64(6, 'UTC'),
    ingested_at DateTime64(6, 'UTC') COMMENT 'When the worker took it from Kafka, UTC; the first copy is the one that counts.',
    content UInt64 COMMENT 'Hash of what the client said.',
    judged UInt64 COMMENT 'Hash of broken_rules.'
)
ENGINE = MergeTree
ORDER BY (kafka_topic, kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a search that arrived, without what it said.';

ALTER TABLE frwatch.searches_raw ADD COLUMN IF NOT EXISTS superseded Bool
COMMENT 'A copy with another agency or day came first: the event is not counted here.';

-- Filled by the default until now; a row that supersedes another says its own.
ALTER TABLE frwatch.searches_raw MODIFY COLUMN precedence UInt64
DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(ingested_at);

CREATE OR REPLACE VIEW frwatch.searches
AS SELECT * EXCEPT (precedence, superseded) FROM frwatch.searches_raw FINAL WHERE NOT superseded
COMMENT 'One row a search, or sign of one: the first copy that arrived.';

ALTER TABLE frwatch.violations_raw ADD COLUMN IF NOT EXISTS superseded Bool
COMMENT 'Only a later copy of the search broke this rule: the finding is not counted.';

ALTER TABLE frwatch.violations_raw MODIFY COLUMN precedence UInt64
DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(ingested_at);

CREATE OR REPLACE VIEW frwatch.violations
AS SELECT * EXCEPT (precedence, superseded) FROM frwatch.violations_raw FINAL WHERE NOT superseded
COMMENT 'One row for each rule that a search breaks.';

CREATE MATERIALIZED VIEW IF NOT EXISTS frwatch.search_arrivals_of_searches TO frwatch.search_arrivals AS
SELECT
    kafka_topic, kafka_partition, kafka_offset, event_id, agency_id, occurred_at, ingested_at,
    cityHash64(tuple(
        occurred_at, evidence, source, source_version, agency_id, officer, unit, requesting_agency_id,
        requester, requester_domain, request_ref, provider, endpoint, account, galleries, case_number,
        crime_type, purpose, legal_basis, probe_hash, probe_kind, candidates, top_score, training_cert,
        approved_by, client_ip, user_agent, mapSort(attributes)
    )) AS content,
    cityHash64(broken_rules) AS judged
FROM frwatch.searches_raw WHERE NOT superseded;

-- Which copy counts, where copies have other agencies or days: one row an event, because its insert token is the event.
CREATE TABLE IF NOT EXISTS frwatch.search_decisions
(
    event_id UUID,
    agency_id LowCardinality(String) COMMENT 'Agency and day of the copy that counts.',
    day Date32,
    decided_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY event_id
SETTINGS non_replicated_deduplication_window = 100000
COMMENT 'Which copy of a search counts, where they have other agencies or days.';

CREATE TABLE IF NOT EXISTS frwatch.search_differences_raw
(
    event_id UUID,
    kafka_topic LowCardinality(String) COMMENT 'Where the later copy stands.',
    kafka_partition Int32,
    kafka_offset Int64,
    ingested_at DateTime64(6, 'UTC') COMMENT 'When the later copy came, UTC.',
    agency_id LowCardinality(String) COMMENT 'The agency that the later copy names.',
    occurred_at DateTime64(6, 'UTC') COMMENT 'The time that the later copy gives.',
    first_agency_id LowCardinality(String),
    first_occurred_at DateTime64(6, 'UTC'),
    first_kafka_topic LowCardinality(String),
    first_kafka_partition Int32,
    first_kafka_offset Int64,
    fields Array(LowCardinality(String)) COMMENT 'Columns of searches in which it differs from the first; empty where one of the two was merged away by then.',
    broken_rules Array(LowCardinality(String)) COMMENT 'Rules that the later copy breaks, as far as it was still there.'
)
ENGINE = ReplacingMergeTree
ORDER BY (event_id, kafka_topic, kafka_partition, kafka_offset)
COMMENT 'Copies of a search that say something else than the first. Query frwatch.search_differences instead.';

CREATE VIEW IF NOT EXISTS frwatch.search_differences AS SELECT * FROM frwatch.search_differences_raw FINAL
COMMENT 'One row for each later copy of a search that says something else than the first, which is the one that counts.';
