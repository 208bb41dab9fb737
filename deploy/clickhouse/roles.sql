-- Who sees what, on a ClickHouse server of 26.1 or newer (for apply_row_policy_after_final). `frwatch roles` prints this,
-- and behind it a role for each agency of the register. Run it after `frwatch migrate`, as an administrator
-- (access_management), and again after each upgrade: it takes back what an earlier version granted.
--
--     frwatch roles | clickhouse-client --user admin --multiquery
--
-- Users and their passwords are the operator's, and in no file of frwatch. Who migrates must hold frwatch_operator: the
-- views for the public read with his rights.
--
--     CREATE USER analyst IDENTIFIED WITH … HOST IP '10.0.0.0/8'
--     GRANT frwatch_agency_lapd TO analyst
--
-- deploy/clickhouse/config.d/frwatch.xml belongs on the server too: without it every user may read the system tables.

-- ---- Roles

-- The state's auditor: every row, with pseudonyms.
CREATE ROLE IF NOT EXISTS frwatch_auditor;
-- What each agency's role builds on; alone it sees no row.
CREATE ROLE IF NOT EXISTS frwatch_agency_analyst;
-- Beside an agency's role: pseudonyms, and whatever else may name a person.
CREATE ROLE IF NOT EXISTS frwatch_agency_investigator;
-- Counts for the public, and no row.
CREATE ROLE IF NOT EXISTS frwatch_public;
-- `frwatch worker`
CREATE ROLE IF NOT EXISTS frwatch_writer;
-- `frwatch alerts run`
CREATE ROLE IF NOT EXISTS frwatch_alerter;
-- `frwatch reveal`
CREATE ROLE IF NOT EXISTS frwatch_revealer;
-- `frwatch migrate`, `frwatch dlq`, `frwatch retention`, `frwatch hold` and `frwatch expunge`
CREATE ROLE IF NOT EXISTS frwatch_operator;
-- Beside the operator's, for whoever carries out a court's order to expunge a case.
CREATE ROLE IF NOT EXISTS frwatch_expunger;

REVOKE ALL ON *.* FROM frwatch_auditor;
REVOKE ALL ON *.* FROM frwatch_agency_analyst;
REVOKE ALL ON *.* FROM frwatch_agency_investigator;
REVOKE ALL ON *.* FROM frwatch_public;
REVOKE ALL ON *.* FROM frwatch_writer;
REVOKE ALL ON *.* FROM frwatch_alerter;
REVOKE ALL ON *.* FROM frwatch_revealer;
REVOKE ALL ON *.* FROM frwatch_operator;
REVOKE ALL ON *.* FROM frwatch_expunger;

-- ---- Auditor. Dead letters are shown without their bytes, which may name persons in the clear.

GRANT SELECT ON frwatch.searches_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.searches TO frwatch_auditor;
GRANT SELECT ON frwatch.counted_searches TO frwatch_auditor;
GRANT SELECT ON frwatch.violations_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.violations TO frwatch_auditor;
GRANT SELECT ON frwatch.outcomes_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.outcomes TO frwatch_auditor;
GRANT SELECT ON frwatch.search_outcomes TO frwatch_auditor;
GRANT SELECT ON frwatch.unreported_access TO frwatch_auditor;
GRANT SELECT ON frwatch.search_arrivals TO frwatch_auditor;
GRANT SELECT ON frwatch.search_decisions TO frwatch_auditor;
GRANT SELECT ON frwatch.search_differences_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.search_differences TO frwatch_auditor;
GRANT SELECT ON frwatch.outcome_arrivals TO frwatch_auditor;
GRANT SELECT ON frwatch.outcome_differences TO frwatch_auditor;
GRANT SELECT ON frwatch.alert_attempts_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.alert_acknowledgements_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.alert_acknowledgements TO frwatch_auditor;
GRANT SELECT ON frwatch.alerts TO frwatch_auditor;
GRANT SELECT ON frwatch.alerts_delivered TO frwatch_auditor;
GRANT SELECT ON frwatch.alert_latency TO frwatch_auditor;
GRANT SELECT(kafka_topic, kafka_topic_id, kafka_partition, kafka_offset, received_at, reason, detail)
    ON frwatch.dead_letters_raw TO frwatch_auditor;
GRANT SELECT(kafka_topic, kafka_topic_id, kafka_partition, kafka_offset, received_at, reason, detail)
    ON frwatch.dead_letters TO frwatch_auditor;
GRANT SELECT ON frwatch.redrives_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.redrives TO frwatch_auditor;
GRANT SELECT ON frwatch.searches_explained TO frwatch_auditor;
GRANT SELECT ON frwatch.policy_sets_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.policy_sets TO frwatch_auditor;
GRANT SELECT ON frwatch.policies_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.policies TO frwatch_auditor;
GRANT SELECT ON frwatch.rules_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.rules TO frwatch_auditor;
GRANT SELECT ON frwatch.policy_bindings_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.policy_bindings TO frwatch_auditor;
GRANT SELECT ON frwatch.providers_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.providers TO frwatch_auditor;
GRANT SELECT ON frwatch.agencies_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.agencies TO frwatch_auditor;
GRANT SELECT ON frwatch.versions_in_force_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.versions_in_force TO frwatch_auditor;
GRANT SELECT ON frwatch.policies_current TO frwatch_auditor;
GRANT SELECT ON frwatch.rules_current TO frwatch_auditor;
GRANT SELECT ON frwatch.providers_current TO frwatch_auditor;
GRANT SELECT ON frwatch.agencies_current TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_marks TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_documents TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_states TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_watermarks TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_open TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_outcome_marks TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_outcome_watermarks TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_outcome_days TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_outcomes_open TO frwatch_auditor;
GRANT SELECT ON frwatch.searches_by_hour TO frwatch_auditor;
GRANT SELECT ON frwatch.searches_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.broken_rules_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.violations_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.sources_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.outcomes_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.unreported_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_search_marks TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_months TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_month_states TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_months_open TO frwatch_auditor;
GRANT SELECT ON frwatch.people_by_month TO frwatch_auditor;
GRANT SELECT ON frwatch.services_by_month TO frwatch_auditor;
GRANT SELECT ON frwatch.private_accounts_by_month TO frwatch_auditor;
GRANT SELECT ON frwatch.galleries_by_month TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_told TO frwatch_auditor;
GRANT SELECT ON frwatch.faces_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.told_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.units_by_day TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_case_lists TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_probe_lists TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_lists TO frwatch_auditor;
GRANT SELECT ON frwatch.rollup_lag TO frwatch_auditor;
GRANT SELECT ON frwatch.case_counts TO frwatch_auditor;
GRANT SELECT ON frwatch.most_searched_probes TO frwatch_auditor;
GRANT SELECT ON frwatch.reveals_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.reveals TO frwatch_auditor;
GRANT SELECT ON frwatch.legal_holds_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.legal_holds TO frwatch_auditor;
GRANT SELECT ON frwatch.held_cases TO frwatch_auditor;
GRANT SELECT ON frwatch.held_events TO frwatch_auditor;
GRANT SELECT ON frwatch.retention_floors_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.retention_floors TO frwatch_auditor;
GRANT SELECT ON frwatch.retention_removals_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.retention_removals TO frwatch_auditor;
GRANT SELECT ON frwatch.retention_doomed TO frwatch_auditor;
GRANT SELECT ON frwatch.past_retention_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.past_retention TO frwatch_auditor;
GRANT SELECT ON frwatch.expungements_raw TO frwatch_auditor;
GRANT SELECT ON frwatch.expungements TO frwatch_auditor;
GRANT SELECT ON frwatch.expunged_rows TO frwatch_auditor;
GRANT SELECT ON frwatch.public_use TO frwatch_auditor;
GRANT SELECT ON frwatch.public_services TO frwatch_auditor;
GRANT SELECT ON frwatch.public_outcomes TO frwatch_auditor;

-- ---- Agency analyst: what happened, by case, unit, service and rule, without who it was. Pseudonyms, addresses, and
-- texts in which a client may have written a name are the investigator's.

GRANT SELECT(
    event_id, occurred_at, evidence, source, source_version, agency_id, agency_known, unit, requesting_agency_id,
    requesting_agency_known, requester_domain, request_ref, outside_agency, outside_agency_id, outside_agency_basis,
    provider, provider_id, provider_class, provider_basis, provider_conflict, operator, endpoint_host, account, galleries,
    gallery_kinds, case_number, crime_type, purpose, legal_basis, probe_kind, candidates, top_score, evidence_strength,
    broken_rules, certainty, catalogue_version, policies_version, ingested_at, kafka_topic, kafka_partition, kafka_offset,
    superseded
) ON frwatch.searches_raw TO frwatch_agency_analyst;
GRANT SELECT(
    event_id, occurred_at, evidence, source, source_version, agency_id, agency_known, unit, requesting_agency_id,
    requesting_agency_known, requester_domain, request_ref, outside_agency, outside_agency_id, outside_agency_basis,
    provider, provider_id, provider_class, provider_basis, provider_conflict, operator, endpoint_host, account, galleries,
    gallery_kinds, case_number, crime_type, purpose, legal_basis, probe_kind, candidates, top_score, evidence_strength,
    broken_rules, certainty, catalogue_version, policies_version, ingested_at, kafka_topic, kafka_partition, kafka_offset
) ON frwatch.searches TO frwatch_agency_analyst;
GRANT SELECT(
    event_id, occurred_at, evidence, source, source_version, agency_id, agency_known, unit, requesting_agency_id,
    requesting_agency_known, requester_domain, request_ref, outside_agency, outside_agency_id, outside_agency_basis,
    provider, provider_id, provider_class, provider_basis, provider_conflict, operator, endpoint_host, account, galleries,
    gallery_kinds, case_number, crime_type, purpose, legal_basis, probe_kind, candidates, top_score, evidence_strength,
    broken_rules, certainty, catalogue_version, policies_version, ingested_at, kafka_topic, kafka_partition, kafka_offset
) ON frwatch.counted_searches TO frwatch_agency_analyst;
GRANT SELECT(
    violation_id, event_id, occurred_at, detected_at, agency_id, policy_id, policy_version, rule_id, severity, certainty,
    provider_id, requesting_agency_id, case_number, title, ingested_at, kafka_topic, kafka_partition, kafka_offset, superseded
) ON frwatch.violations_raw TO frwatch_agency_analyst;
GRANT SELECT(
    violation_id, event_id, occurred_at, detected_at, agency_id, policy_id, policy_version, rule_id, severity, certainty,
    provider_id, requesting_agency_id, case_number, title, ingested_at, kafka_topic, kafka_partition, kafka_offset
) ON frwatch.violations TO frwatch_agency_analyst;
GRANT SELECT(
    outcome_id, event_id, agency_id, case_number, recorded_at, kind, age_band, race, gender, ingested_at,
    kafka_topic, kafka_partition, kafka_offset, case_key
) ON frwatch.outcomes_raw TO frwatch_agency_analyst;
GRANT SELECT(
    outcome_id, event_id, agency_id, case_number, recorded_at, kind, age_band, race, gender, ingested_at,
    kafka_topic, kafka_partition, kafka_offset
) ON frwatch.outcomes TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.search_outcomes TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.search_differences_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.search_differences TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.outcome_arrivals TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.outcome_differences TO frwatch_agency_analyst;
GRANT SELECT(
    alert_id, destination, attempt, kind, route, follows, violation_id, agency_id, policy_id, rule_id, severity, certainty,
    outcome, error, http_status, latency_us, suppressed, occurred_at, detected_at, decided_at, due_at, attempted_at
) ON frwatch.alert_attempts_raw TO frwatch_agency_analyst;
GRANT SELECT(alert_id, acknowledged_at) ON frwatch.alert_acknowledgements_raw TO frwatch_agency_analyst;
GRANT SELECT(
    alert_id, destination, attempt, kind, route, follows, violation_id, agency_id, policy_id, rule_id, severity, certainty,
    outcome, error, http_status, latency_us, suppressed, occurred_at, detected_at, decided_at, due_at, attempted_at,
    acknowledged_at
) ON frwatch.alerts TO frwatch_agency_analyst;
GRANT SELECT(
    alert_id, destination, kind, route, follows, violation_id, agency_id, policy_id, rule_id, severity, certainty, attempts,
    outcome, error, suppressed, occurred_at, detected_at, decided_at, due_at, attempted_at, delivered_at, acknowledged_at
) ON frwatch.alerts_delivered TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.alert_latency TO frwatch_agency_analyst;
GRANT SELECT(
    event_id, occurred_at, ingested_at, evidence, counted, source, agency_id, agency_name, unit, requesting_agency_id,
    outside_agency_id, provider_id, provider_name, provider_class, operator, account, galleries, gallery_kinds, case_number,
    crime_type, purpose, legal_basis, candidates, certainty, violations, outcomes, alerts, catalogue_version, policies_version
) ON frwatch.searches_explained TO frwatch_agency_analyst;
-- What the rules and services were is no secret of an agency's.
GRANT SELECT ON frwatch.policy_sets_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.policy_sets TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.policies_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.policies TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rules_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rules TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.policy_bindings_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.policy_bindings TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.providers_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.providers TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.agencies_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.agencies TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.versions_in_force_raw TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.versions_in_force TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.policies_current TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rules_current TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.providers_current TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.agencies_current TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_marks TO frwatch_agency_analyst;
GRANT SELECT(
    agency_id, day, run, document, settled_at, shape, `hours.hour`, `hours.provider_id`, `hours.provider_class`,
    `hours.evidence`, `hours.searches`, `hours.forbidden`, `hours.confirmed`, `days.provider_id`, `days.provider_class`,
    `days.evidence`, `days.searches`, `days.forbidden`, `days.confirmed`, `rules.policy_id`, `rules.rule_id`,
    `rules.provider_id`, `rules.evidence`, `rules.searches`, `findings.policy_id`, `findings.rule_id`, `findings.severity`,
    `findings.certainty`, `findings.provider_id`, `findings.violations`, `crimes.crime_type`, `crimes.searches`,
    `crimes.with_candidates`, `crimes.told`, `crimes.told_within_30_days`, `crimes.led_to_action`,
    `crimes.arrests_without_candidates`, `faces.age_band`, `faces.race`, `faces.gender`, `faces.matches`
) ON frwatch.rollup_documents TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_states TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_watermarks TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_open TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_outcome_marks TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_outcome_watermarks TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_outcome_days TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.rollup_outcomes_open TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.searches_by_hour TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.searches_by_day TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.broken_rules_by_day TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.violations_by_day TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.outcomes_by_day TO frwatch_agency_analyst;
GRANT SELECT(event_id, agency_id, day, provider_class, case_number, kinds, faces) ON frwatch.rollup_told TO frwatch_agency_analyst;
GRANT SELECT ON frwatch.faces_by_day TO frwatch_agency_analyst;

-- ---- Investigator: of the rows that an agency's role shows, what the analyst is not shown.

GRANT SELECT ON frwatch.searches_raw TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.searches TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.counted_searches TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.searches_explained TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.violations_raw TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.violations TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.outcomes_raw TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.outcomes TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.unreported_access TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_documents TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.sources_by_day TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.unreported_by_day TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_search_marks TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_months TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_month_states TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_months_open TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.people_by_month TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.services_by_month TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.private_accounts_by_month TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.galleries_by_month TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_told TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.told_by_day TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.units_by_day TO frwatch_agency_investigator;
-- Lists are of all agencies, and he sees none of their rows: what he asks of them is counted from the rows that are his.
GRANT SELECT ON frwatch.rollup_case_lists TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_probe_lists TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.rollup_lists TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.case_counts TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.most_searched_probes TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.alert_attempts_raw TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.alert_acknowledgements_raw TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.alert_acknowledgements TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.alerts TO frwatch_agency_investigator;
GRANT SELECT ON frwatch.alerts_delivered TO frwatch_agency_investigator;

-- ---- Public

GRANT SELECT ON frwatch.public_use TO frwatch_public;
GRANT SELECT ON frwatch.public_services TO frwatch_public;
GRANT SELECT ON frwatch.public_outcomes TO frwatch_public;

-- ---- Writer: it inserts, and reads what it compares copies by (sinks/clickhouse/copies.py), and what it
-- counts (sinks/clickhouse/rollups.sql, months.sql, case_lists.sql, probe_lists.sql). It changes and deletes
-- nothing: a row that no longer counts is outranked by another.

GRANT INSERT ON frwatch.searches_raw TO frwatch_writer;
GRANT INSERT ON frwatch.violations_raw TO frwatch_writer;
GRANT INSERT ON frwatch.outcomes_raw TO frwatch_writer;
GRANT INSERT ON frwatch.dead_letters_raw TO frwatch_writer;
GRANT INSERT ON frwatch.search_decisions TO frwatch_writer;
GRANT INSERT ON frwatch.search_differences_raw TO frwatch_writer;
GRANT INSERT ON frwatch.policy_sets_raw TO frwatch_writer;
GRANT INSERT ON frwatch.policies_raw TO frwatch_writer;
GRANT INSERT ON frwatch.rules_raw TO frwatch_writer;
GRANT INSERT ON frwatch.policy_bindings_raw TO frwatch_writer;
GRANT INSERT ON frwatch.providers_raw TO frwatch_writer;
GRANT INSERT ON frwatch.agencies_raw TO frwatch_writer;
GRANT INSERT ON frwatch.versions_in_force_raw TO frwatch_writer;
GRANT INSERT ON frwatch.rollup_marks TO frwatch_writer;
GRANT INSERT ON frwatch.rollup_documents TO frwatch_writer;
GRANT INSERT ON frwatch.rollup_watermarks TO frwatch_writer;
GRANT INSERT ON frwatch.rollup_outcome_watermarks TO frwatch_writer;
GRANT INSERT ON frwatch.rollup_months TO frwatch_writer;
GRANT INSERT ON frwatch.rollup_case_lists TO frwatch_writer;
GRANT INSERT ON frwatch.rollup_probe_lists TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_marks TO frwatch_writer;
GRANT SELECT(agency_id, day, run, document, settled_at) ON frwatch.rollup_documents TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_states TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_watermarks TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_outcome_marks TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_outcome_watermarks TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_outcome_days TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_search_marks TO frwatch_writer;
GRANT SELECT(agency_id, month, run, settled_at) ON frwatch.rollup_months TO frwatch_writer;
GRANT SELECT ON frwatch.rollup_month_states TO frwatch_writer;
GRANT SELECT(outcome_id, event_id, agency_id, case_number, case_key, recorded_at, kind, age_band, race, gender)
    ON frwatch.outcomes_raw TO frwatch_writer;
GRANT SELECT(slice, run, settled_at, floor) ON frwatch.rollup_case_lists TO frwatch_writer;
GRANT SELECT(slice, run, settled_at, floor) ON frwatch.rollup_probe_lists TO frwatch_writer;
GRANT SELECT ON frwatch.search_arrivals TO frwatch_writer;
GRANT SELECT ON frwatch.search_decisions TO frwatch_writer;
GRANT SELECT(
    event_id, occurred_at, evidence, source, source_version, agency_id, officer, unit, requesting_agency_id, requester,
    requester_domain, request_ref, provider, endpoint, account, galleries, case_number, crime_type, purpose, legal_basis,
    probe_hash, probe_kind, candidates, top_score, training_cert, approved_by, client_ip, user_agent, attributes,
    broken_rules, certainty, provider_id, provider_class, operator, gallery_kinds, endpoint_host, expunged, superseded,
    kafka_topic, kafka_partition, kafka_offset
) ON frwatch.searches_raw TO frwatch_writer;
GRANT SELECT(event_id, agency_id, broken_rules) ON frwatch.searches TO frwatch_writer;
GRANT SELECT(
    violation_id, event_id, agency_id, policy_id, rule_id, severity, certainty, provider_id, occurred_at, ingested_at, superseded
) ON frwatch.violations_raw TO frwatch_writer;
GRANT SELECT(violation_id, event_id, policy_id, rule_id, occurred_at, ingested_at)
    ON frwatch.violations TO frwatch_writer;

-- What was removed or expunged, so that it stores no more of it (sinks/clickhouse/removed.py).
GRANT INSERT ON frwatch.past_retention_raw TO frwatch_writer;
GRANT SELECT ON frwatch.retention_floors_raw TO frwatch_writer;
GRANT SELECT ON frwatch.retention_floors TO frwatch_writer;
GRANT SELECT ON frwatch.legal_holds_raw TO frwatch_writer;
GRANT SELECT ON frwatch.legal_holds TO frwatch_writer;
GRANT SELECT ON frwatch.held_cases TO frwatch_writer;
GRANT SELECT ON frwatch.expungements_raw TO frwatch_writer;
GRANT SELECT ON frwatch.expungements TO frwatch_writer;
GRANT SELECT ON frwatch.expunged_rows TO frwatch_writer;

GRANT INSERT ON frwatch.alert_attempts_raw TO frwatch_alerter;
GRANT INSERT ON frwatch.alert_acknowledgements_raw TO frwatch_alerter;
GRANT INSERT ON frwatch.dead_letters_raw TO frwatch_alerter;

-- ---- Revealer: writes down that it asks, and finds where the records with a pseudonym stand in Kafka. What it wrote
-- nobody changes, itself included.

GRANT INSERT ON frwatch.reveals_raw TO frwatch_revealer;
GRANT SELECT(
    event_id, agency_id, officer, requesting_agency_id, requesting_agency_known, requester, ingested_at, superseded,
    kafka_topic, kafka_partition, kafka_offset
) ON frwatch.searches_raw TO frwatch_revealer;
GRANT SELECT ON frwatch.reveals_raw TO frwatch_revealer;
GRANT SELECT ON frwatch.reveals TO frwatch_revealer;

-- ---- Operator: the tables are his, but what was revealed to whom he can neither change nor drop. He has no SET DEFINER,
-- by which he could read with anybody's rights; his own need none.

GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE DICTIONARY, DROP TABLE, DROP VIEW,
    DROP DICTIONARY, TRUNCATE, OPTIMIZE, dictGet ON frwatch.* TO frwatch_operator;
GRANT TABLE ENGINE ON * TO frwatch_operator;
GRANT KILL QUERY, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM FLUSH LOGS ON *.* TO frwatch_operator;
GRANT SELECT ON system.* TO frwatch_operator;
REVOKE ALTER UPDATE, ALTER DELETE, ALTER TTL, ALTER DROP COLUMN, ALTER CLEAR COLUMN, ALTER MODIFY COLUMN, ALTER SETTINGS,
    ALTER MOVE PARTITION, ALTER FETCH PARTITION, TRUNCATE, DROP TABLE ON frwatch.reveals_raw FROM frwatch_operator;
-- A court may order that a case be forgotten, never that somebody was named.
GRANT ALTER UPDATE(case_number, reason) ON frwatch.reveals_raw TO frwatch_expunger;

-- ---- Rows. An agency's role adds its own rows to the none that its analysts would see; `frwatch roles` prints it. What
-- is none of an agency's (dead letters, redrives, decisions, reveals) its analysts have no grant on.

CREATE ROW POLICY OR REPLACE frwatch_every_row ON frwatch.* FOR SELECT USING 1
    TO frwatch_auditor, frwatch_writer, frwatch_alerter, frwatch_revealer, frwatch_operator, frwatch_expunger;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.searches_raw FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.violations_raw FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.rollup_marks FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.rollup_documents FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.rollup_search_marks FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.rollup_months FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.outcomes_raw FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.rollup_outcome_marks FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.rollup_case_lists FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.rollup_probe_lists FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.search_differences_raw FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.outcome_arrivals FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.alert_attempts_raw FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_no_row ON frwatch.alert_acknowledgements_raw FOR SELECT USING 0
    TO frwatch_agency_analyst, frwatch_agency_investigator;

-- A policy for the whole database, as above, names all that is in it: whoever it is not for sees no row of what no other
-- policy shows. What these read through is filtered beneath, or is nobody's in particular.
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.searches FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.counted_searches FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.violations FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.outcomes FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.search_outcomes FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.search_differences FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.outcome_differences FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.alerts FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.alerts_delivered FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.alert_latency FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.searches_explained FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.policy_sets_raw FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.policy_sets FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.policies_raw FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.policies FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rules_raw FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rules FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.policy_bindings_raw FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.policy_bindings FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.providers_raw FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.providers FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.agencies_raw FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.agencies FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.versions_in_force_raw FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.versions_in_force FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.policies_current FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rules_current FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.providers_current FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.agencies_current FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_states FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_watermarks FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_open FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_outcome_watermarks FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_outcome_days FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_outcomes_open FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.sources_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.outcomes_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.unreported_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_month_states FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_months_open FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.people_by_month FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.services_by_month FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.private_accounts_by_month FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.galleries_by_month FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_told FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.faces_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.told_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.units_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.rollup_lists FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.case_counts FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.most_searched_probes FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.searches_by_hour FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.searches_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.broken_rules_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.violations_by_day FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.unreported_access FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.alert_acknowledgements FOR SELECT USING 1
    TO frwatch_agency_analyst, frwatch_agency_investigator;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.public_use FOR SELECT USING 1 TO frwatch_public;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.public_services FOR SELECT USING 1 TO frwatch_public;
CREATE ROW POLICY OR REPLACE frwatch_shown ON frwatch.public_outcomes FOR SELECT USING 1 TO frwatch_public;

-- ---- Limits. readonly = 2 lets a client set what is no limit here (Grafana and JDBC drivers must); MIN stands where 0
-- would mean none. Row policies are applied to the copy that counts, not before it is chosen, so that a copy that lost
-- is nobody's.

CREATE SETTINGS PROFILE OR REPLACE frwatch_read SETTINGS
    readonly = 2 CONST, allow_ddl = 0 CONST, allow_introspection_functions = 0 CONST,
    apply_row_policy_after_final = 1 CONST, additional_table_filters CONST,
    max_execution_time = 60 MIN 1 MAX 300, timeout_overflow_mode = 'throw' CONST,
    max_memory_usage = 4000000000 MIN 1 MAX 8000000000,
    max_result_bytes = 2000000000 MIN 1 MAX 2000000000, max_concurrent_queries_for_user = 16 CONST
    TO frwatch_auditor, frwatch_agency_analyst, frwatch_agency_investigator;
-- readonly = 1: no setting at all can be changed, so that no limit on what is read makes a count of fewer rows.
CREATE SETTINGS PROFILE OR REPLACE frwatch_public SETTINGS
    readonly = 1 CONST, max_execution_time = 10 CONST, max_memory_usage = 2000000000 CONST,
    max_result_rows = 100000 CONST, max_concurrent_queries_for_user = 4 CONST
    TO frwatch_public;
CREATE SETTINGS PROFILE OR REPLACE frwatch_write SETTINGS
    allow_ddl = 0 CONST, max_execution_time = 300 MIN 1 MAX 300, max_memory_usage = 8000000000 MIN 1 MAX 8000000000
    TO frwatch_writer, frwatch_alerter, frwatch_revealer;

CREATE QUOTA OR REPLACE frwatch_read KEYED BY user_name
    FOR INTERVAL 1 hour MAX queries = 5000, read_rows = 200000000000, execution_time = 1800
    TO frwatch_auditor, frwatch_agency_analyst, frwatch_agency_investigator;
CREATE QUOTA OR REPLACE frwatch_public KEYED BY ip_address
    FOR INTERVAL 1 hour MAX queries = 200, read_rows = 5000000000, execution_time = 120
    TO frwatch_public;
CREATE QUOTA OR REPLACE frwatch_reveal KEYED BY user_name
    FOR INTERVAL 1 hour MAX queries = 100
    TO frwatch_revealer;
