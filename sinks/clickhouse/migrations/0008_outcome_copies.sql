-- Copies of an outcome that say something else than the first.  All copies have one sorting key and stand in one
-- partition, so FINAL leaves the first whatever they say; what the others said otherwise is lost at the next merge.  So
-- each copy is written down as it arrives, with a hash of each field.

CREATE TABLE IF NOT EXISTS frwatch.outcome_arrivals
(
    kafka_topic LowCardinality(String) COMMENT 'Where the copy stands.',
    kafka_partition Int32 COMMENT 'Partition of the topic.',
    kafka_offset Int64 COMMENT 'Offset in the partition.',
    outcome_id UUID COMMENT 'Identity. A repeat of an outcome_id is the same outcome.',
    agency_id LowCardinality(String) COMMENT 'The agency that the copy names.',
    recorded_at DateTime64(6, 'UTC') COMMENT 'When it was recorded, as the copy says, UTC.',
    ingested_at DateTime64(6, 'UTC') COMMENT 'When the worker took it from Kafka, UTC; the first copy is the one that counts.',
    content UInt64 COMMENT 'Hash of all that the copy says.',
    said Map(LowCardinality(String), UInt64) COMMENT 'Hash of what the copy says in each field.'
)
ENGINE = ReplacingMergeTree
ORDER BY (outcome_id, ingested_at, kafka_topic, kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of an outcome that arrived, without what it said.';

CREATE MATERIALIZED VIEW IF NOT EXISTS frwatch.outcome_arrivals_of_outcomes TO frwatch.outcome_arrivals AS
SELECT
    kafka_topic, kafka_partition, kafka_offset, outcome_id, agency_id, recorded_at, ingested_at,
    cityHash64(tuple(event_id, agency_id, case_number, recorded_at, kind, age_band, race, gender, note)) AS content,
    map(
        'event_id', cityHash64(tuple(event_id)), 'agency_id', cityHash64(tuple(agency_id)),
        'case_number', cityHash64(tuple(case_number)), 'recorded_at', cityHash64(tuple(recorded_at)),
        'kind', cityHash64(tuple(kind)), 'age_band', cityHash64(tuple(age_band)), 'race', cityHash64(tuple(race)),
        'gender', cityHash64(tuple(gender)), 'note', cityHash64(tuple(note))
    ) AS said
FROM frwatch.outcomes_raw;

-- What was stored before.  To run this again, where it was cut off, is harmless: a copy that stands there twice is one.
INSERT INTO frwatch.outcome_arrivals
SELECT
    kafka_topic, kafka_partition, kafka_offset, outcome_id, agency_id, recorded_at, ingested_at,
    cityHash64(tuple(event_id, agency_id, case_number, recorded_at, kind, age_band, race, gender, note)) AS content,
    map(
        'event_id', cityHash64(tuple(event_id)), 'agency_id', cityHash64(tuple(agency_id)),
        'case_number', cityHash64(tuple(case_number)), 'recorded_at', cityHash64(tuple(recorded_at)),
        'kind', cityHash64(tuple(kind)), 'age_band', cityHash64(tuple(age_band)), 'race', cityHash64(tuple(race)),
        'gender', cityHash64(tuple(gender)), 'note', cityHash64(tuple(note))
    ) AS said
FROM frwatch.outcomes_raw
WHERE ingested_at <
(
    SELECT if(count() = 0, toDateTime64('2299-12-31 00:00:00', 6, 'UTC'), min(ingested_at))
    FROM frwatch.outcome_arrivals
);

CREATE VIEW IF NOT EXISTS frwatch.outcome_differences AS
WITH firsts AS
(
    SELECT
        outcome_id, min(content) != max(content) AS differ,
        argMin(
            (kafka_topic, kafka_partition, kafka_offset, ingested_at, agency_id, recorded_at, content, said),
            (ingested_at, kafka_topic, kafka_partition, kafka_offset)
        ) AS first
    FROM frwatch.outcome_arrivals GROUP BY outcome_id HAVING differ
)
SELECT
    later.outcome_id AS outcome_id, later.kafka_topic AS kafka_topic, later.kafka_partition AS kafka_partition,
    later.kafka_offset AS kafka_offset, later.ingested_at AS ingested_at, later.agency_id AS agency_id,
    later.recorded_at AS recorded_at, firsts.first.1 AS first_kafka_topic, firsts.first.2 AS first_kafka_partition,
    firsts.first.3 AS first_kafka_offset, firsts.first.4 AS first_ingested_at, firsts.first.5 AS first_agency_id,
    firsts.first.6 AS first_recorded_at,
    arrayFilter(name -> later.said[name] != firsts.first.8[name], mapKeys(later.said)) AS fields
FROM (SELECT * FROM frwatch.outcome_arrivals FINAL) AS later INNER JOIN firsts ON firsts.outcome_id = later.outcome_id
WHERE later.content != firsts.first.7
COMMENT 'One row for each later copy of an outcome that says something else than the first, which is the one that counts; `fields` are the columns of outcomes in which it does.';

-- What is kept of a dead letter beside its value.
ALTER TABLE frwatch.dead_letters_raw COMMENT COLUMN key
'Key of the Kafka record, as it came; null where there is none, or where it may hold an image.';
ALTER TABLE frwatch.dead_letters_raw COMMENT COLUMN headers
'Headers of the Kafka record; withheld, withheld-key and withheld-header-… are SHA-256 of what is not kept.';
