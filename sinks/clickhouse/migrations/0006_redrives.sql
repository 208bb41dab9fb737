-- Dead letters that were sent again, and what became of them.

CREATE TABLE IF NOT EXISTS frwatch.redrives_raw
(
    kafka_topic LowCardinality(String) COMMENT 'Where the dead letter stands.',
    kafka_partition Int32,
    kafka_offset Int64,
    received_at DateTime64(6, 'UTC') COMMENT 'When the dead letter came, UTC.',
    begun_at DateTime64(6, 'UTC') COMMENT 'When it was sent again, UTC.',
    repaired_by LowCardinality(String) COMMENT 'The function that changed it; empty where it was sent as it was.',
    new_partition Nullable(Int32) COMMENT 'Where it stands now; null where it is not known whether it was sent.',
    new_offset Nullable(Int64),
    version UInt64 MATERIALIZED toUnixTimestamp64Micro(begun_at) * 2 + isNotNull(new_offset)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (kafka_topic, kafka_partition, kafka_offset, received_at)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Each step of sending a dead letter again. Query frwatch.redrives instead.';

CREATE VIEW IF NOT EXISTS frwatch.redrives AS
SELECT
    r.kafka_topic AS kafka_topic, r.kafka_partition AS kafka_partition, r.kafka_offset AS kafka_offset,
    r.received_at AS received_at, r.begun_at AS begun_at, r.repaired_by AS repaired_by,
    r.new_partition AS new_partition, r.new_offset AS new_offset,
    multiIf(
        isNull(r.new_offset), 'unknown',
        (r.kafka_topic, assumeNotNull(r.new_partition), assumeNotNull(r.new_offset)) IN
            (
                SELECT kafka_topic, kafka_partition, kafka_offset FROM frwatch.search_arrivals
                WHERE (kafka_topic, kafka_partition, kafka_offset) IN
                    (SELECT kafka_topic, ifNull(new_partition, -1), ifNull(new_offset, -1) FROM frwatch.redrives_raw)
            ), 'stored',
        (r.kafka_topic, assumeNotNull(r.new_partition), assumeNotNull(r.new_offset)) IN
            (
                SELECT kafka_topic, kafka_partition, kafka_offset FROM frwatch.outcomes_raw
                WHERE (kafka_topic, kafka_partition, kafka_offset) IN
                    (SELECT kafka_topic, ifNull(new_partition, -1), ifNull(new_offset, -1) FROM frwatch.redrives_raw)
            ), 'stored',
        (r.kafka_topic, assumeNotNull(r.new_partition), assumeNotNull(r.new_offset)) IN
            (
                SELECT kafka_topic, kafka_partition, kafka_offset FROM frwatch.dead_letters_raw
                WHERE (kafka_topic, kafka_partition, kafka_offset) IN
                    (SELECT kafka_topic, ifNull(new_partition, -1), ifNull(new_offset, -1) FROM frwatch.redrives_raw)
            ), 'dead',
        'waiting'
    ) AS became
FROM frwatch.redrives_raw AS r FINAL
COMMENT 'Dead letters that were sent again: stored, dead again, waiting for a worker, or unknown where sending was cut off.';
