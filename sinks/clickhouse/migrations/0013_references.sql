-- What a policy meant when a search was judged: policies, rules, providers and agencies as of each version.  A worker
-- writes a version before it stores a row that names it.  A version is the SHA-256 of what it holds, so a row that is
-- written again is the same row.

CREATE TABLE IF NOT EXISTS frwatch.policy_sets_raw
(
    policies_version LowCardinality(String) COMMENT 'Version of the set, as in searches.policies_version: SHA-256, hex.',
    policy_id LowCardinality(String) COMMENT 'A policy of the set; it may stand there in several versions, one after the other in force.',
    policy_version String COMMENT 'Version of that policy, as in violations.policy_version: SHA-256, hex.'
)
ENGINE = ReplacingMergeTree
ORDER BY (policies_version, policy_id, policy_version)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a set of policies. Query frwatch.policy_sets instead.';

CREATE TABLE IF NOT EXISTS frwatch.policies_raw
(
    policy_version String COMMENT 'Version of the policy, as in violations.policy_version: SHA-256 of its canonical form, hex.',
    policy_id LowCardinality(String) COMMENT 'The policy.',
    title String COMMENT 'Its title.',
    agencies Array(LowCardinality(String)) COMMENT 'Ids of the agencies that it binds; * alone where it binds every one.',
    effective_from String COMMENT 'From when on it is in force, as it says itself: a date is midnight in each bound agency''s own time zone. In UTC: frwatch.policy_bindings.',
    effective_until Nullable(String) COMMENT 'From when on it is so no longer, as it says itself; null where it sets no end.',
    rules Array(String) COMMENT 'Ids of its rules.'
)
ENGINE = ReplacingMergeTree
ORDER BY policy_version
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a version of a policy. Query frwatch.policies instead.';

CREATE TABLE IF NOT EXISTS frwatch.rules_raw
(
    policy_version String COMMENT 'Version of the policy, as in violations.policy_version: SHA-256 of its canonical form, hex.',
    rule_id LowCardinality(String) COMMENT 'The rule, as in violations.rule_id.',
    policy_id LowCardinality(String) COMMENT 'The policy that it is a rule of.',
    title String COMMENT 'Title of the rule.',
    severity LowCardinality(String) COMMENT 'INFO, LOW, MEDIUM, HIGH or CRITICAL.',
    when_sql String COMMENT 'What is forbidden: SQL over the columns of searches.',
    unless_sql Nullable(String) COMMENT 'What is exempt from it: SQL over the columns of searches; null where nothing is.',
    subject LowCardinality(String) COMMENT 'The column of searches with the agency that the rule binds: agency_id or requesting_agency_id.',
    most_certain LowCardinality(String) COMMENT 'No finding of it is more certain than this: CONFIRMED or SUSPECTED.',
    cites Array(String) COMMENT 'Clauses that it rests on; empty where it cites none.'
)
ENGINE = ReplacingMergeTree
ORDER BY (policy_version, rule_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a rule. Query frwatch.rules instead.';

CREATE TABLE IF NOT EXISTS frwatch.policy_bindings_raw
(
    agencies_version LowCardinality(String) COMMENT 'Version of the agency register, as in frwatch.agencies: SHA-256, hex.',
    policy_version String COMMENT 'Version of the policy: SHA-256, hex.',
    agency_id LowCardinality(String) COMMENT 'The agency that is bound; empty for all that are in no register, where the policy binds every one.',
    policy_id LowCardinality(String) COMMENT 'The policy.',
    in_force_from DateTime64(6, 'UTC') COMMENT 'The first moment in force for that agency, UTC.',
    in_force_until Nullable(DateTime64(6, 'UTC')) COMMENT 'The first moment no longer in force, UTC; null where the policy sets no end.'
)
ENGINE = ReplacingMergeTree
ORDER BY (agencies_version, policy_version, agency_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a binding. Query frwatch.policy_bindings instead.';

CREATE TABLE IF NOT EXISTS frwatch.providers_raw
(
    catalogue_version LowCardinality(String) COMMENT 'Version of the catalogue, as in searches.catalogue_version: SHA-256, hex.',
    provider_id LowCardinality(String) COMMENT 'Entry of the catalogue, as in searches.provider_id.',
    name String COMMENT 'Name of the service.',
    provider_class LowCardinality(String) COMMENT 'commercial, government, agency, not_fr or unknown: by who operates it.',
    operator Nullable(String) COMMENT 'Who operates the service and its gallery; null where it is not known.',
    operator_agency_id LowCardinality(Nullable(String)) COMMENT 'The operator in the agency register; null where it is not there.',
    software_vendor Nullable(String) COMMENT 'Whose software it is; null where it is not known.',
    gallery Nullable(String) COMMENT 'Whose faces it searches, in words; null where it is not known.',
    gallery_kinds Array(LowCardinality(String)) COMMENT 'Kinds of faces in it: booking_photos, driver_licences, passport_visa, watchlist, scraped_web, social_media, unknown.',
    hosts Array(String) COMMENT 'Its hosts, subdomains included.',
    aliases Array(String) COMMENT 'Other names of it.',
    evidence_strength LowCardinality(String) COMMENT 'weak where even the client''s own name for it says little; else full.',
    status LowCardinality(String) COMMENT 'active, suspended, pilot, ended or unknown.',
    as_of LowCardinality(String) COMMENT 'When that was so: a year, month or day.',
    sources Array(String) COMMENT 'Where it was read.',
    confidence LowCardinality(String) COMMENT 'read where a source says it, known where it is general knowledge.',
    note Nullable(String) COMMENT 'What else there is to say; null where there is nothing.'
)
ENGINE = ReplacingMergeTree
ORDER BY (catalogue_version, provider_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of an entry of the catalogue. Query frwatch.providers instead.';

CREATE TABLE IF NOT EXISTS frwatch.agencies_raw
(
    agencies_version LowCardinality(String) COMMENT 'Version of the agency register: SHA-256, hex.',
    agency_id LowCardinality(String) COMMENT 'The agency, as in searches.agency_id.',
    name String COMMENT 'Its name.',
    aliases Array(String) COMMENT 'Other names of it.',
    ori Nullable(String) COMMENT 'The FBI''s identifier of nine characters; null where it was not confirmed.',
    domains Array(String) COMMENT 'Domains of its e-mail and web hosts, subdomains included.',
    timezone LowCardinality(String) COMMENT 'Its time zone, as IANA names it.',
    parent_id LowCardinality(Nullable(String)) COMMENT 'The body that it is a part of; null where there is none.'
)
ENGINE = ReplacingMergeTree
ORDER BY (agencies_version, agency_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of an agency. Query frwatch.agencies instead.';

CREATE TABLE IF NOT EXISTS frwatch.versions_in_force_raw
(
    in_force_at DateTime64(6, 'UTC') COMMENT 'When a worker took these into force, by its clock, UTC.',
    policies_version LowCardinality(String) COMMENT 'Version of the set of policies, as in searches.policies_version.',
    catalogue_version LowCardinality(String) COMMENT 'Version of the catalogue, as in searches.catalogue_version.',
    agencies_version LowCardinality(String) COMMENT 'Version of the agency register, as in frwatch.agencies.'
)
ENGINE = ReplacingMergeTree
ORDER BY (in_force_at, policies_version, catalogue_version, agencies_version)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every copy of a taking into force. Query frwatch.versions_in_force instead.';

CREATE VIEW IF NOT EXISTS frwatch.versions_in_force AS SELECT * FROM frwatch.versions_in_force_raw FINAL
COMMENT 'Which versions of everything a worker took into force, and when: at its start, and when policies were published.';

CREATE VIEW IF NOT EXISTS frwatch.policy_sets AS SELECT * FROM frwatch.policy_sets_raw FINAL
COMMENT 'Which versions of which policies each set has; searches.policies_version names the set.';

CREATE VIEW IF NOT EXISTS frwatch.policies AS SELECT * FROM frwatch.policies_raw FINAL
COMMENT 'Each version of each policy that was ever in force.';

CREATE VIEW IF NOT EXISTS frwatch.rules AS SELECT * FROM frwatch.rules_raw FINAL
COMMENT 'The rules of each version of each policy: what a violation meant when it was found, by policy_version and rule_id.';

CREATE VIEW IF NOT EXISTS frwatch.policy_bindings AS SELECT * FROM frwatch.policy_bindings_raw FINAL
COMMENT 'Which agencies each version of a policy binds, and from when to when, in UTC.';

CREATE VIEW IF NOT EXISTS frwatch.providers AS SELECT * FROM frwatch.providers_raw FINAL
COMMENT 'The services that each version of the catalogue knows.';

CREATE VIEW IF NOT EXISTS frwatch.agencies AS SELECT * FROM frwatch.agencies_raw FINAL
COMMENT 'The agencies that each version of the register knows.';

CREATE VIEW IF NOT EXISTS frwatch.policies_current AS
SELECT p.* FROM frwatch.policies AS p
WHERE p.policy_version IN
(
    SELECT policy_version FROM frwatch.policy_sets WHERE policies_version =
        (SELECT argMax(policies_version, in_force_at) FROM frwatch.versions_in_force_raw)
)
COMMENT 'The policies of the set that was taken into force last.';

CREATE VIEW IF NOT EXISTS frwatch.rules_current AS
SELECT r.* FROM frwatch.rules AS r
WHERE r.policy_version IN
(
    SELECT policy_version FROM frwatch.policy_sets WHERE policies_version =
        (SELECT argMax(policies_version, in_force_at) FROM frwatch.versions_in_force_raw)
)
COMMENT 'The rules of the set of policies that was taken into force last.';

CREATE VIEW IF NOT EXISTS frwatch.providers_current AS
SELECT p.* FROM frwatch.providers AS p
WHERE p.catalogue_version = (SELECT argMax(catalogue_version, in_force_at) FROM frwatch.versions_in_force_raw)
COMMENT 'The services of the catalogue that was taken into force last.';

CREATE VIEW IF NOT EXISTS frwatch.agencies_current AS
SELECT a.* FROM frwatch.agencies AS a
WHERE a.agencies_version = (SELECT argMax(agencies_version, in_force_at) FROM frwatch.versions_in_force_raw)
COMMENT 'The agencies of the register that was taken into force last.';
