-- What a court has ordered to be forgotten: the names are erased, the counting facts stay, and a tombstone says so.

ALTER TABLE frwatch.searches_raw ADD COLUMN IF NOT EXISTS expunged Bool
COMMENT 'What names the case or person was erased on a court''s order; frwatch.expungements says which and when.';
ALTER TABLE frwatch.violations_raw ADD COLUMN IF NOT EXISTS expunged Bool
COMMENT 'What names the case or person was erased on a court''s order.';
ALTER TABLE frwatch.outcomes_raw ADD COLUMN IF NOT EXISTS expunged Bool
COMMENT 'What names the case or person was erased on a court''s order.';

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW frwatch.searches SQL SECURITY INVOKER
AS SELECT * EXCEPT (precedence, superseded) FROM frwatch.searches_raw FINAL WHERE NOT superseded
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'One row a search, or sign of one: the first copy that arrived.';
CREATE OR REPLACE VIEW frwatch.counted_searches SQL SECURITY INVOKER AS
SELECT * FROM frwatch.searches WHERE evidence = 'SEARCH' AND provider_class != 'not_fr'
COMMENT 'What counts as a search: a client says that one ran, in a service that matches faces. A site that was reached (ACCESS) or looked up (LOOKUP) is none.';
CREATE OR REPLACE VIEW frwatch.violations SQL SECURITY INVOKER
AS SELECT * EXCEPT (precedence, superseded) FROM frwatch.violations_raw FINAL WHERE NOT superseded
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'One row for each rule that a search breaks.';
CREATE OR REPLACE VIEW frwatch.outcomes SQL SECURITY INVOKER
AS SELECT * EXCEPT (precedence) FROM frwatch.outcomes_raw FINAL
COMMENT 'What came of searches, said later.';

-- Of what was erased no hash is kept either: the numbers of a year's cases are soon tried out.
ALTER TABLE frwatch.search_arrivals_of_searches MODIFY QUERY
SELECT
    kafka_topic, kafka_partition, kafka_offset, event_id, agency_id, occurred_at, ingested_at,
    if(expunged, 0, cityHash64(tuple(
        occurred_at, evidence, source, source_version, agency_id, officer, unit, requesting_agency_id,
        requester, requester_domain, request_ref, provider, endpoint, account, galleries, case_number,
        crime_type, purpose, legal_basis, probe_hash, probe_kind, candidates, top_score, training_cert,
        approved_by, client_ip, user_agent, mapSort(attributes)
    ))) AS content,
    cityHash64(broken_rules) AS judged
FROM frwatch.searches_raw WHERE NOT superseded;

ALTER TABLE frwatch.outcome_arrivals_of_outcomes MODIFY QUERY
SELECT
    kafka_topic, kafka_partition, kafka_offset, outcome_id, agency_id, recorded_at, ingested_at,
    if(expunged, 0, cityHash64(tuple(event_id, agency_id, case_number, recorded_at, kind, age_band, race, gender, note))) AS content,
    mapFilter((name, hash) -> NOT expunged, map(
        'event_id', cityHash64(tuple(event_id)), 'agency_id', cityHash64(tuple(agency_id)),
        'case_number', cityHash64(tuple(case_number)), 'recorded_at', cityHash64(tuple(recorded_at)),
        'kind', cityHash64(tuple(kind)), 'age_band', cityHash64(tuple(age_band)), 'race', cityHash64(tuple(race)),
        'gender', cityHash64(tuple(gender)), 'note', cityHash64(tuple(note))
    )) AS said
FROM frwatch.outcomes_raw;

CREATE TABLE IF NOT EXISTS frwatch.expungements_raw
(
    expungement_id UUID COMMENT 'Identity of the expungement: the same name under the same order has one.',
    step LowCardinality(String) COMMENT 'begun, finished, or again where something had come later.',
    at DateTime64(6, 'UTC') COMMENT 'When, UTC.',
    said_by String COMMENT 'Who ran it.',
    court_order String COMMENT 'On whose authority: court, number and date.',
    kind LowCardinality(String) COMMENT 'What was named: case, probe or officer.',
    agency_id LowCardinality(String) COMMENT 'Whose case; empty for a probe or an officer.',
    named String COMMENT 'Keyed hash of what was named, hex: what comes later is known by it, and nothing is read from it.',
    demographics Bool COMMENT 'Whether age, race and gender of outcomes were erased too.',
    rows Map(LowCardinality(String), UInt64) COMMENT 'How many rows of which kind have been erased so far.'
)
ENGINE = MergeTree
ORDER BY (expungement_id, step, at)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Each step of an expungement. Query frwatch.expungements instead.';

CREATE VIEW IF NOT EXISTS frwatch.expungements SQL SECURITY INVOKER AS
SELECT
    e.expungement_id AS expungement_id, any(e.kind) AS kind, any(e.agency_id) AS agency_id,
    any(e.court_order) AS court_order, argMin(e.said_by, e.at) AS said_by, max(e.demographics) AS demographics,
    min(e.at) AS begun_at, minOrNullIf(e.at, e.step = 'finished') AS finished_at,
    maxOrNullIf(e.at, e.step = 'again') AS again_at, any(e.named) AS named,
    argMaxIf(e.rows, e.at, e.step != 'begun') AS rows
FROM frwatch.expungements_raw AS e GROUP BY e.expungement_id
COMMENT 'One row for each expungement: that it was, when, on whose authority, and how many rows were erased; not what was named.';

ALTER TABLE frwatch.expungements
    COMMENT COLUMN begun_at 'When it was begun, UTC.',
    COMMENT COLUMN finished_at 'When all was erased, UTC; null where it was cut off.',
    COMMENT COLUMN again_at 'When something that had come later was erased last, UTC; null where nothing has.';

CREATE TABLE IF NOT EXISTS frwatch.expunged_rows
(
    kind LowCardinality(String) COMMENT 'search, asked (the person asked for the search), outcome, dead_letter, hold or reveal.',
    id String COMMENT 'Its id; of a dead letter its topic, partition and offset.',
    expungement_id UUID COMMENT 'The expungement.'
)
ENGINE = ReplacingMergeTree
ORDER BY (kind, id, expungement_id)
COMMENT 'Which rows an expungement has erased, or is about to.';
