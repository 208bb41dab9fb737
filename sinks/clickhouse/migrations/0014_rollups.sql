-- Copies of a search with one sorting key have one day, hence one month: FINAL may look at each month by itself, and
-- leave out those that are not asked for.
CREATE OR REPLACE VIEW frwatch.searches SQL SECURITY INVOKER
AS SELECT * EXCEPT (precedence, superseded) FROM frwatch.searches_raw FINAL WHERE NOT superseded
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'One row a search, or sign of one: the first copy that arrived.';

-- Copies of a finding may have other months.
CREATE OR REPLACE VIEW frwatch.violations SQL SECURITY INVOKER
AS SELECT * EXCEPT (precedence, superseded) FROM frwatch.violations_raw FINAL WHERE NOT superseded
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'One row for each rule that a search breaks.';

-- Times that are not in order, and offsets, have high bits in common; hex digits say half of what they take.  For what
-- is written from now on, and for the rest as it is merged.
ALTER TABLE frwatch.searches_raw
    MODIFY COLUMN occurred_at CODEC(T64, ZSTD(1)), MODIFY COLUMN ingested_at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN precedence CODEC(T64, ZSTD(1)), MODIFY COLUMN kafka_offset CODEC(T64, ZSTD(1)),
    MODIFY COLUMN kafka_partition CODEC(T64, ZSTD(1)), MODIFY COLUMN officer CODEC(ZSTD(1)),
    MODIFY COLUMN requester CODEC(ZSTD(1)), MODIFY COLUMN probe_hash CODEC(ZSTD(1));
ALTER TABLE frwatch.search_arrivals
    MODIFY COLUMN occurred_at CODEC(T64, ZSTD(1)), MODIFY COLUMN ingested_at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN kafka_offset CODEC(DoubleDelta, ZSTD(1));

-- Roll-ups that are right at every moment, whatever is resent, replayed or redriven.
--
-- What is counted is kept as one document for each agency and day, made from the tables that hold each event once, and
-- replaced whole.  Every insert marks the agencies and days that it touches.  A document counts while no mark is younger
-- than it; the days of all others are counted from the tables themselves.  Marks are made by the clock of the insert's
-- start, so a document must be 30 seconds younger than the last mark: no insert of a worker that lasts longer is taken
-- for done.  Whoever deletes or changes rows by ALTER marks their agencies and days too.

CREATE TABLE IF NOT EXISTS frwatch.rollup_marks
(
    agency_id LowCardinality(String) COMMENT 'The agency.',
    day Date32 COMMENT 'Day of the search, UTC.',
    marked_at DateTime64(6, 'UTC') COMMENT 'When an insert that touches them began, by the engine''s clock, UTC; merges leave the last.'
)
ENGINE = ReplacingMergeTree(marked_at)
ORDER BY (agency_id, day)
-- What is inserted again under its token marks again.
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0
COMMENT 'Agencies and days whose searches or findings were touched.';

CREATE TABLE IF NOT EXISTS frwatch.rollup_documents
(
    agency_id LowCardinality(String) COMMENT 'The agency.',
    day Date32 COMMENT 'Day of the searches, UTC.',
    run UInt64 COMMENT 'Rises with settled_at: of the documents of an agency and day the highest counts.',
    document UInt64 COMMENT 'Identity of the document.',
    settled_at DateTime64(6, 'UTC') COMMENT 'When it was begun, by the engine''s clock, UTC.',
    `hours.hour` Array(UInt8) COMMENT 'Of each hour''s count: the hour of the day, 0 to 23, UTC.',
    `hours.provider_id` Array(LowCardinality(Nullable(String))) COMMENT 'Its provider; null for a service in no catalogue.',
    `hours.provider_class` Array(LowCardinality(String)) COMMENT 'Its provider''s class.',
    `hours.evidence` Array(LowCardinality(String)) COMMENT 'Its tier: SEARCH, ACCESS or LOOKUP.',
    `hours.searches` Array(UInt64) COMMENT 'How many rows of frwatch.searches.',
    `hours.forbidden` Array(UInt64) COMMENT 'How many of these break a rule.',
    `hours.confirmed` Array(UInt64) COMMENT 'How many of these do so for certain.',
    `days.provider_id` Array(LowCardinality(Nullable(String))) COMMENT 'Of each count of the whole day: its provider; null for a service in no catalogue.',
    `days.provider_class` Array(LowCardinality(String)) COMMENT 'Its provider''s class.',
    `days.evidence` Array(LowCardinality(String)) COMMENT 'Its tier: SEARCH, ACCESS or LOOKUP.',
    `days.searches` Array(UInt64) COMMENT 'How many rows of frwatch.searches.',
    `days.forbidden` Array(UInt64) COMMENT 'How many of these break a rule.',
    `days.confirmed` Array(UInt64) COMMENT 'How many of these do so for certain.',
    `rules.policy_id` Array(LowCardinality(String)) COMMENT 'Of each rule''s count: the policy.',
    `rules.rule_id` Array(LowCardinality(String)) COMMENT 'Its rule.',
    `rules.provider_id` Array(LowCardinality(Nullable(String))) COMMENT 'Its provider; null for a service in no catalogue.',
    `rules.evidence` Array(LowCardinality(String)) COMMENT 'Its tier: SEARCH, ACCESS or LOOKUP.',
    `rules.searches` Array(UInt64) COMMENT 'How many rows of frwatch.searches break it.',
    `findings.policy_id` Array(LowCardinality(String)) COMMENT 'Of each count of findings: the policy.',
    `findings.rule_id` Array(LowCardinality(String)) COMMENT 'Its rule.',
    `findings.severity` Array(LowCardinality(String)) COMMENT 'Its severity.',
    `findings.certainty` Array(LowCardinality(String)) COMMENT 'CONFIRMED or SUSPECTED.',
    `findings.provider_id` Array(LowCardinality(Nullable(String))) COMMENT 'Its provider; null for a service in no catalogue.',
    `findings.violations` Array(UInt64) COMMENT 'How many rows of frwatch.violations.'
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYear(day)
ORDER BY (agency_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What was counted of each agency and day. Query frwatch.searches_by_day and its like instead.';

CREATE MATERIALIZED VIEW IF NOT EXISTS frwatch.rollup_marks_of_searches TO frwatch.rollup_marks AS
SELECT agency_id, toDate32(occurred_at) AS day, now64(6, 'UTC') AS marked_at
FROM frwatch.searches_raw GROUP BY agency_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS frwatch.rollup_marks_of_violations TO frwatch.rollup_marks AS
SELECT agency_id, toDate32(occurred_at) AS day, now64(6, 'UTC') AS marked_at
FROM frwatch.violations_raw GROUP BY agency_id, day;

-- They write with the rights of whoever migrates, so that a worker may insert searches and nothing else.
ALTER TABLE frwatch.rollup_marks_of_searches MODIFY DEFINER = CURRENT_USER SQL SECURITY DEFINER;
ALTER TABLE frwatch.rollup_marks_of_violations MODIFY DEFINER = CURRENT_USER SQL SECURITY DEFINER;

-- What was stored before.
INSERT INTO frwatch.rollup_marks
SELECT agency_id, toDate32(occurred_at) AS day, now64(6, 'UTC') FROM frwatch.searches_raw GROUP BY agency_id, day
UNION ALL
SELECT agency_id, toDate32(occurred_at) AS day, now64(6, 'UTC') FROM frwatch.violations_raw GROUP BY agency_id, day;

CREATE VIEW IF NOT EXISTS frwatch.rollup_states SQL SECURITY INVOKER AS
SELECT
    agency_id, day, max(marked) AS marked_at, max(settled) AS settled_at, argMax(identity, number) AS document,
    settled_at >= marked_at + toIntervalSecond(30) AS counts
FROM
(
    SELECT
        agency_id, day, marked_at AS marked, toDateTime64(0, 6, 'UTC') AS settled, 0 AS number, 0 AS identity
    FROM frwatch.rollup_marks
    UNION ALL
    SELECT
        agency_id, day, toDateTime64(0, 6, 'UTC') AS marked, settled_at AS settled, run AS number, document AS identity
    FROM frwatch.rollup_documents
)
GROUP BY agency_id, day
COMMENT 'Which documents count. The agencies and days of all others are counted from the tables themselves.';

CREATE VIEW IF NOT EXISTS frwatch.searches_by_hour SQL SECURITY INVOKER AS
SELECT
    agency_id, day, toDateTime64(day, 0, 'UTC') + toIntervalHour(hours.hour) AS hour,
    hours.provider_id AS provider_id, hours.provider_class AS provider_class, hours.evidence AS evidence,
    hours.searches AS searches, hours.forbidden AS forbidden, hours.confirmed AS confirmed
FROM frwatch.rollup_documents ARRAY JOIN hours
WHERE document IN (SELECT document FROM frwatch.rollup_states WHERE counts)
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, toDateTime64(toStartOfHour(occurred_at), 0, 'UTC') AS hour,
    provider_id, provider_class, evidence,
    count() AS searches, countIf(notEmpty(broken_rules)) AS forbidden, countIf(certainty = 'CONFIRMED') AS confirmed
FROM frwatch.searches
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_states WHERE NOT counts)
GROUP BY agency_id, day, hour, provider_id, provider_class, evidence
COMMENT 'How many searches, and signs of some, there were in each hour (UTC), by agency, provider and tier of evidence. What counts as a search has evidence SEARCH and a provider_class other than not_fr. Ask for a day as well as an hour: it is found sooner.';

CREATE VIEW IF NOT EXISTS frwatch.searches_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, days.provider_id AS provider_id, days.provider_class AS provider_class, days.evidence AS evidence,
    days.searches AS searches, days.forbidden AS forbidden, days.confirmed AS confirmed
FROM frwatch.rollup_documents ARRAY JOIN days
WHERE document IN (SELECT document FROM frwatch.rollup_states WHERE counts)
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, provider_id, provider_class, evidence,
    count() AS searches, countIf(notEmpty(broken_rules)) AS forbidden, countIf(certainty = 'CONFIRMED') AS confirmed
FROM frwatch.searches
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_states WHERE NOT counts)
GROUP BY agency_id, day, provider_id, provider_class, evidence
COMMENT 'How many searches, and signs of some, there were on each day (UTC), by agency, provider and tier of evidence. What counts as a search has evidence SEARCH and a provider_class other than not_fr.';

CREATE VIEW IF NOT EXISTS frwatch.broken_rules_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, rules.policy_id AS policy_id, rules.rule_id AS rule_id, rules.provider_id AS provider_id,
    rules.evidence AS evidence, rules.searches AS searches
FROM frwatch.rollup_documents ARRAY JOIN rules
WHERE document IN (SELECT document FROM frwatch.rollup_states WHERE counts)
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, splitByChar('/', rule)[1] AS policy_id, splitByChar('/', rule)[2] AS rule_id,
    provider_id, evidence, count() AS searches
FROM frwatch.searches ARRAY JOIN broken_rules AS rule
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_states WHERE NOT counts)
GROUP BY agency_id, day, policy_id, rule_id, provider_id, evidence
COMMENT 'How many searches, and signs of some, broke each rule on each day (UTC), by the agency that ran them, provider and tier of evidence.';

CREATE VIEW IF NOT EXISTS frwatch.violations_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, findings.policy_id AS policy_id, findings.rule_id AS rule_id, findings.severity AS severity,
    findings.certainty AS certainty, findings.provider_id AS provider_id, findings.violations AS violations
FROM frwatch.rollup_documents ARRAY JOIN findings
WHERE document IN (SELECT document FROM frwatch.rollup_states WHERE counts)
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, policy_id, rule_id, severity, certainty, provider_id, count() AS violations
FROM frwatch.violations_raw FINAL
-- Copies of a finding may have other days, in other months: all of them are looked at.
PREWHERE violation_id IN
(
    SELECT violation_id FROM frwatch.violations_raw
    WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_states WHERE NOT counts)
)
WHERE NOT superseded AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_states WHERE NOT counts)
GROUP BY agency_id, day, policy_id, rule_id, severity, certainty, provider_id
COMMENT 'How many findings there were on each day of the search (UTC), by the agency whose policy is broken, rule, severity, certainty and provider.';

ALTER TABLE frwatch.rollup_marks_of_searches MODIFY COMMENT 'Marks the agencies and days of searches that come.';
ALTER TABLE frwatch.rollup_marks_of_violations MODIFY COMMENT 'Marks the agencies and days of findings that come.';

ALTER TABLE frwatch.rollup_states
    COMMENT COLUMN marked_at 'When they were touched last, by the engine''s clock, UTC; 1970 where they never were.',
    COMMENT COLUMN settled_at 'When the last document was begun, by the engine''s clock, UTC; 1970 where there is none.',
    COMMENT COLUMN document 'Identity of the last document; 0 where there is none.',
    COMMENT COLUMN counts 'Whether that document counts.';

ALTER TABLE frwatch.searches_by_hour
    COMMENT COLUMN hour 'The hour''s first second, UTC.',
    COMMENT COLUMN searches 'How many rows of frwatch.searches.',
    COMMENT COLUMN forbidden 'How many of these break a rule.',
    COMMENT COLUMN confirmed 'How many of these do so for certain: their certainty is CONFIRMED.';

ALTER TABLE frwatch.searches_by_day
    COMMENT COLUMN searches 'How many rows of frwatch.searches.',
    COMMENT COLUMN forbidden 'How many of these break a rule.',
    COMMENT COLUMN confirmed 'How many of these do so for certain: their certainty is CONFIRMED.';

ALTER TABLE frwatch.broken_rules_by_day
    COMMENT COLUMN policy_id 'The policy.',
    COMMENT COLUMN rule_id 'The rule of the policy.',
    COMMENT COLUMN searches 'How many rows of frwatch.searches break the rule.';

ALTER TABLE frwatch.violations_by_day
    COMMENT COLUMN violations 'How many rows of frwatch.violations.';
