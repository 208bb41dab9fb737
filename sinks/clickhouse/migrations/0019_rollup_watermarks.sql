-- How far roll-ups are settled is kept, instead of found out by each question from all marks and documents: of a state's
-- year that took longer than the counting.
--
-- A watermark says that every mark up to it is heeded by a document, so only what was touched later is counted from the
-- tables.  It is written after the documents (sinks/clickhouse/rollups.py); where there is none, all is counted.  Both
-- halves of a view ask for the same set, which the engine makes once: nothing falls between them while documents come.

CREATE TABLE IF NOT EXISTS frwatch.rollup_watermarks
(
    through DateTime64(6, 'UTC') COMMENT 'What was touched up to then is settled, UTC; the last one counts.'
)
ENGINE = ReplacingMergeTree(through)
ORDER BY tuple()
COMMENT 'How far roll-ups are settled.';

CREATE VIEW IF NOT EXISTS frwatch.rollup_open SQL SECURITY INVOKER AS
SELECT agency_id, day FROM frwatch.rollup_marks
WHERE marked_at > (SELECT max(through) FROM frwatch.rollup_watermarks)
COMMENT 'Agencies and days that are counted from the tables themselves: they were touched after the last watermark.';

CREATE OR REPLACE VIEW frwatch.searches_by_hour SQL SECURITY INVOKER AS
SELECT
    agency_id, day, toDateTime64(day, 0, 'UTC') + toIntervalHour(hours.hour) AS hour,
    hours.provider_id AS provider_id, hours.provider_class AS provider_class, hours.evidence AS evidence,
    hours.searches AS searches, hours.forbidden AS forbidden, hours.confirmed AS confirmed
FROM frwatch.rollup_documents FINAL ARRAY JOIN hours
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, toDateTime64(toStartOfHour(occurred_at), 0, 'UTC') AS hour,
    provider_id, provider_class, evidence,
    count() AS searches, countIf(notEmpty(broken_rules)) AS forbidden, countIf(certainty = 'CONFIRMED') AS confirmed
FROM frwatch.searches
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
GROUP BY agency_id, day, hour, provider_id, provider_class, evidence
COMMENT 'How many searches, and signs of some, there were in each hour (UTC), by agency, provider and tier of evidence. What counts as a search has evidence SEARCH and a provider_class other than not_fr. Ask for a day as well as an hour: it is found sooner.';

CREATE OR REPLACE VIEW frwatch.searches_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, days.provider_id AS provider_id, days.provider_class AS provider_class, days.evidence AS evidence,
    days.searches AS searches, days.forbidden AS forbidden, days.confirmed AS confirmed
FROM frwatch.rollup_documents FINAL ARRAY JOIN days
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, provider_id, provider_class, evidence,
    count() AS searches, countIf(notEmpty(broken_rules)) AS forbidden, countIf(certainty = 'CONFIRMED') AS confirmed
FROM frwatch.searches
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
GROUP BY agency_id, day, provider_id, provider_class, evidence
COMMENT 'How many searches, and signs of some, there were on each day (UTC), by agency, provider and tier of evidence. What counts as a search has evidence SEARCH and a provider_class other than not_fr.';

CREATE OR REPLACE VIEW frwatch.broken_rules_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, rules.policy_id AS policy_id, rules.rule_id AS rule_id, rules.provider_id AS provider_id,
    rules.evidence AS evidence, rules.searches AS searches
FROM frwatch.rollup_documents FINAL ARRAY JOIN rules
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, splitByChar('/', rule)[1] AS policy_id, splitByChar('/', rule)[2] AS rule_id,
    provider_id, evidence, count() AS searches
FROM frwatch.searches ARRAY JOIN broken_rules AS rule
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
GROUP BY agency_id, day, policy_id, rule_id, provider_id, evidence
COMMENT 'How many searches, and signs of some, broke each rule on each day (UTC), by the agency that ran them, provider and tier of evidence.';

CREATE OR REPLACE VIEW frwatch.violations_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, findings.policy_id AS policy_id, findings.rule_id AS rule_id, findings.severity AS severity,
    findings.certainty AS certainty, findings.provider_id AS provider_id, findings.violations AS violations
FROM frwatch.rollup_documents FINAL ARRAY JOIN findings
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, policy_id, rule_id, severity, certainty, provider_id, count() AS violations
FROM frwatch.violations_raw FINAL
-- Copies of a finding may have other days, in other months: all of them are looked at.
PREWHERE violation_id IN
(
    SELECT violation_id FROM frwatch.violations_raw
    WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
)
WHERE NOT superseded AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
GROUP BY agency_id, day, policy_id, rule_id, severity, certainty, provider_id
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'How many findings there were on each day of the search (UTC), by the agency whose policy is broken, rule, severity, certainty and provider.';

ALTER TABLE frwatch.rollup_states MODIFY COMMENT 'Which documents are as young as the marks of their agency and day; what is made anew goes by it.';

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
