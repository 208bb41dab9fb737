-- Each event once.  A `…_raw` table takes every insert; the name without `_raw` is what analysts query: a view that
-- keeps, of the rows with one identity, the first to arrive.  `precedence` falls with the time of arrival, so the
-- engine, which keeps the highest, keeps the first.
--
-- `non_replicated_deduplication_window` makes the insert tokens of the writer work on tables without replication
-- (it defaults to 0); one insert takes as many entries of it as it touches months.

CREATE TABLE IF NOT EXISTS frwatch.searches_raw
(
    event_id UUID COMMENT 'Identity. A repeat of an event_id is the same event.',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the search ran, UTC.',
    evidence LowCardinality(String) COMMENT 'SEARCH, ACCESS or LOOKUP. Only SEARCH counts as a search.',
    source LowCardinality(String) COMMENT 'The client or collector that reported it.',
    source_version LowCardinality(Nullable(String)),
    agency_id LowCardinality(String) COMMENT 'The agency whose member ran it: an id of the agency register, or as it came where the register has none.',
    officer Nullable(String) COMMENT 'Keyed pseudonym of the person: HMAC-SHA-256 over agency and id, hex.',
    unit LowCardinality(Nullable(String)),
    requesting_agency_id LowCardinality(Nullable(String)) COMMENT 'The agency it was run for, where that is another.',
    requester Nullable(String) COMMENT 'Keyed pseudonym of the person who asked, hex.',
    requester_domain LowCardinality(Nullable(String)) COMMENT 'Domain of the requester''s e-mail address.',
    request_ref Nullable(String) COMMENT 'The request form or ticket.',
    provider LowCardinality(Nullable(String)) COMMENT 'The service, as the client names it.',
    endpoint Nullable(String) COMMENT 'The host or URL that was reached, without credentials.',
    account LowCardinality(Nullable(String)) COMMENT 'agency, trial or personal.',
    galleries Array(LowCardinality(String)) COMMENT 'The databases searched.',
    case_number Nullable(String),
    crime_type LowCardinality(Nullable(String)),
    purpose LowCardinality(Nullable(String)),
    legal_basis LowCardinality(Nullable(String)),
    probe_hash Nullable(String) COMMENT 'Keyed hash of the probe image, hex. Never the image.',
    probe_kind LowCardinality(Nullable(String)),
    candidates Nullable(Int32) COMMENT 'How many candidates came back.',
    top_score Nullable(Float32) COMMENT 'Best similarity, as the service scales it.',
    training_cert Nullable(String),
    approved_by Nullable(String),
    client_ip Nullable(String),
    user_agent LowCardinality(Nullable(String)),
    attributes Map(LowCardinality(String), String) COMMENT 'What the source says beyond this schema.',
    agency_known Bool COMMENT 'Whether agency_id is in the agency register.',
    outside_agency Bool COMMENT 'Whether the search was for an agency that is neither the searcher''s own nor its parent.',
    outside_agency_id LowCardinality(Nullable(String)) COMMENT 'Which agency that was.',
    provider_id LowCardinality(Nullable(String)) COMMENT 'Entry of the catalogue; null for a service in none.',
    provider_class LowCardinality(String) COMMENT 'commercial, government, agency, not_fr or unknown.',
    operator LowCardinality(Nullable(String)) COMMENT 'Who operates the service and its gallery.',
    endpoint_host Nullable(String) COMMENT 'Host of the endpoint, normalised.',
    provider_basis LowCardinality(String) COMMENT 'What named the provider: host, name or none.',
    provider_conflict LowCardinality(Nullable(String)) COMMENT 'The entry that the client''s own name gives, where the host gives another.',
    evidence_strength LowCardinality(String) COMMENT 'weak where the host does more than faces or the page is public; else full.',
    broken_rules Array(LowCardinality(String)) COMMENT 'policy_id/rule_id of each rule that it breaks.',
    certainty LowCardinality(Nullable(String)) COMMENT 'The strongest of its findings: CONFIRMED or SUSPECTED; null where it breaks no rule.',
    catalogue_version LowCardinality(String),
    ingested_at DateTime64(6, 'UTC') COMMENT 'When the worker took it from Kafka, UTC.',
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64,
    precedence UInt64 MATERIALIZED 18446744073709551615 - toUnixTimestamp64Micro(ingested_at)
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (agency_id, toDate32(occurred_at), event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a search that arrived. Query frwatch.searches instead.';

CREATE VIEW IF NOT EXISTS frwatch.searches AS SELECT * FROM frwatch.searches_raw FINAL
COMMENT 'One row a search, or sign of one: the first copy that arrived.';

CREATE TABLE IF NOT EXISTS frwatch.violations_raw
(
    violation_id UUID COMMENT 'UUIDv5 of event_id, policy_id and rule_id.',
    event_id UUID,
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the search ran, UTC.',
    detected_at DateTime64(6, 'UTC') COMMENT 'When it was judged, UTC.',
    agency_id LowCardinality(String) COMMENT 'The agency whose policy is broken.',
    officer Nullable(String) COMMENT 'Keyed pseudonym of the person, hex.',
    policy_id LowCardinality(String),
    policy_version LowCardinality(String) COMMENT 'SHA-256 of the policy''s canonical form, hex.',
    rule_id LowCardinality(String),
    severity LowCardinality(String) COMMENT 'INFO, LOW, MEDIUM, HIGH or CRITICAL.',
    certainty LowCardinality(String) COMMENT 'CONFIRMED, or SUSPECTED where the evidence does not prove a search.',
    provider_id LowCardinality(Nullable(String)),
    requesting_agency_id LowCardinality(Nullable(String)),
    case_number Nullable(String),
    title LowCardinality(String) COMMENT 'Title of the rule.',
    evidence Map(LowCardinality(String), String) COMMENT 'The values of the columns that the rule read.',
    ingested_at DateTime64(6, 'UTC') COMMENT 'When the worker took the search from Kafka, UTC.',
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64,
    precedence UInt64 MATERIALIZED 18446744073709551615 - toUnixTimestamp64Micro(ingested_at)
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY violation_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a finding. Query frwatch.violations instead.';

CREATE VIEW IF NOT EXISTS frwatch.violations AS SELECT * FROM frwatch.violations_raw FINAL
COMMENT 'One row for each rule that a search breaks.';

CREATE TABLE IF NOT EXISTS frwatch.outcomes_raw
(
    outcome_id UUID,
    event_id Nullable(UUID) COMMENT 'The search. Where it is null, agency_id and case_number name it.',
    agency_id LowCardinality(String),
    case_number Nullable(String),
    recorded_at DateTime64(6, 'UTC') COMMENT 'When it was recorded, UTC.',
    kind LowCardinality(String) COMMENT 'UNKNOWN, NO_LEAD, LEAD, IDENTIFICATION, ARREST, CHARGE, CONVICTION or EXONERATION.',
    age_band LowCardinality(Nullable(String)),
    race LowCardinality(Nullable(String)),
    gender LowCardinality(Nullable(String)),
    note Nullable(String),
    ingested_at DateTime64(6, 'UTC') COMMENT 'When the worker took it from Kafka, UTC.',
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64,
    precedence UInt64 MATERIALIZED 18446744073709551615 - toUnixTimestamp64Micro(ingested_at)
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY outcome_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of an outcome. Query frwatch.outcomes instead.';

CREATE VIEW IF NOT EXISTS frwatch.outcomes AS SELECT * FROM frwatch.outcomes_raw FINAL
COMMENT 'What came of searches, said later.';

CREATE TABLE IF NOT EXISTS frwatch.dead_letters_raw
(
    kafka_topic LowCardinality(String),
    kafka_topic_id UUID COMMENT 'Kafka''s id of the topic: a topic made anew counts its offsets from 0 again.',
    kafka_partition Int32,
    kafka_offset Int64,
    received_at DateTime64(6, 'UTC') COMMENT 'When the worker took it from Kafka, UTC.',
    reason LowCardinality(String) COMMENT 'Why it could not be stored; one word.',
    detail String COMMENT 'Where and how it is damaged; never a value of the record.',
    key Nullable(String) COMMENT 'Key of the Kafka record, as it came.',
    value String COMMENT 'Value of the Kafka record, as it came; empty where it may hold an image.',
    headers Map(String, String) COMMENT 'Headers of the Kafka record; withheld = SHA-256 of a value that is not kept.',
    precedence UInt64 MATERIALIZED 18446744073709551615 - toUnixTimestamp64Micro(received_at)
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (kafka_topic, kafka_topic_id, kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a dead letter. Query frwatch.dead_letters instead.';

CREATE VIEW IF NOT EXISTS frwatch.dead_letters AS SELECT * FROM frwatch.dead_letters_raw FINAL
COMMENT 'Records that could not be stored, with their bytes and the reason.';

CREATE TABLE IF NOT EXISTS frwatch.alerts_raw
(
    alert_id UUID COMMENT 'Identity of one attempt to tell somebody.',
    violation_id UUID,
    attempted_at DateTime64(6, 'UTC'),
    destination LowCardinality(String),
    outcome LowCardinality(String),
    precedence UInt64 MATERIALIZED 18446744073709551615 - toUnixTimestamp64Micro(attempted_at)
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY alert_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of an attempt to alert. Query frwatch.alerts instead.';

CREATE VIEW IF NOT EXISTS frwatch.alerts AS SELECT * FROM frwatch.alerts_raw FINAL
COMMENT 'Attempts to tell the people who must know.';
