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

CREATE VIEW IF NOT EXISTS frwatch.versions_in_force SQL SECURITY INVOKER AS SELECT * FROM frwatch.versions_in_force_raw FINAL
COMMENT 'Which versions of everything a worker took into force, and when: at its start, and when policies were published.';

CREATE VIEW IF NOT EXISTS frwatch.policy_sets SQL SECURITY INVOKER AS SELECT * FROM frwatch.policy_sets_raw FINAL
COMMENT 'Which versions of which policies each set has; searches.policies_version names the set.';

CREATE VIEW IF NOT EXISTS frwatch.policies SQL SECURITY INVOKER AS SELECT * FROM frwatch.policies_raw FINAL
COMMENT 'Each version of each policy that was ever in force.';

CREATE VIEW IF NOT EXISTS frwatch.rules SQL SECURITY INVOKER AS SELECT * FROM frwatch.rules_raw FINAL
COMMENT 'The rules of each version of each policy: what a violation meant when it was found, by policy_version and rule_id.';

CREATE VIEW IF NOT EXISTS frwatch.policy_bindings SQL SECURITY INVOKER AS SELECT * FROM frwatch.policy_bindings_raw FINAL
COMMENT 'Which agencies each version of a policy binds, and from when to when, in UTC.';

CREATE VIEW IF NOT EXISTS frwatch.providers SQL SECURITY INVOKER AS SELECT * FROM frwatch.providers_raw FINAL
COMMENT 'The services that each version of the catalogue knows.';

CREATE VIEW IF NOT EXISTS frwatch.agencies SQL SECURITY INVOKER AS SELECT * FROM frwatch.agencies_raw FINAL
COMMENT 'The agencies that each version of the register knows.';

CREATE VIEW IF NOT EXISTS frwatch.policies_current SQL SECURITY INVOKER AS
SELECT p.* FROM frwatch.policies AS p
WHERE p.policy_version IN
(
    SELECT policy_version FROM frwatch.policy_sets WHERE policies_version =
        (SELECT argMax(policies_version, in_force_at) FROM frwatch.versions_in_force_raw)
)
COMMENT 'The policies of the set that was taken into force last.';

CREATE VIEW IF NOT EXISTS frwatch.rules_current SQL SECURITY INVOKER AS
SELECT r.* FROM frwatch.rules AS r
WHERE r.policy_version IN
(
    SELECT policy_version FROM frwatch.policy_sets WHERE policies_version =
        (SELECT argMax(policies_version, in_force_at) FROM frwatch.versions_in_force_raw)
)
COMMENT 'The rules of the set of policies that was taken into force last.';

CREATE VIEW IF NOT EXISTS frwatch.providers_current SQL SECURITY INVOKER AS
SELECT p.* FROM frwatch.providers AS p
WHERE p.catalogue_version = (SELECT argMax(catalogue_version, in_force_at) FROM frwatch.versions_in_force_raw)
COMMENT 'The services of the catalogue that was taken into force last.';

CREATE VIEW IF NOT EXISTS frwatch.agencies_current SQL SECURITY INVOKER AS
SELECT a.* FROM frwatch.agencies AS a
WHERE a.agencies_version = (SELECT argMax(agencies_version, in_force_at) FROM frwatch.versions_in_force_raw)
COMMENT 'The agencies of the register that was taken into force last.';

-- Each join repeats the search's own key, so that a filter on agency and time reaches every table that is read.
CREATE VIEW IF NOT EXISTS frwatch.searches_explained SQL SECURITY INVOKER AS
SELECT
    s.event_id AS event_id, s.occurred_at AS occurred_at, s.ingested_at AS ingested_at,
    s.evidence AS evidence, s.evidence = 'SEARCH' AND s.provider_class != 'not_fr' AS counted, s.source AS source,
    s.agency_id AS agency_id, a.name AS agency_name, s.officer AS officer, s.unit AS unit,
    s.requesting_agency_id AS requesting_agency_id, s.outside_agency_id AS outside_agency_id,
    s.provider_id AS provider_id, p.name AS provider_name, s.provider_class AS provider_class, s.operator AS operator,
    s.account AS account, s.galleries AS galleries, s.gallery_kinds AS gallery_kinds,
    s.case_number AS case_number, s.crime_type AS crime_type, s.purpose AS purpose, s.legal_basis AS legal_basis,
    s.training_cert AS training_cert, s.approved_by AS approved_by, s.candidates AS candidates, s.certainty AS certainty,
    v.violations AS violations, o.outcomes AS outcomes, t.alerts AS alerts,
    s.catalogue_version AS catalogue_version, s.policies_version AS policies_version
FROM frwatch.searches AS s
LEFT JOIN frwatch.providers AS p ON p.catalogue_version = s.catalogue_version AND p.provider_id = s.provider_id
LEFT JOIN frwatch.agencies_current AS a ON a.agency_id = s.agency_id
LEFT JOIN
(
    SELECT
        w.event_id AS event_id, w.agency_id AS agency_id, w.occurred_at AS occurred_at,
        arraySort(groupArray(CAST(
            (x.policy_id, x.rule_id, x.title, x.severity, x.certainty, r.cites, x.policy_version),
            'Tuple(policy_id String, rule_id String, title String, severity String, certainty String, cites Array(String), policy_version String)'
        ))) AS violations
    FROM frwatch.violations AS x
    INNER JOIN frwatch.searches AS w ON w.event_id = x.event_id
    LEFT JOIN frwatch.rules AS r ON r.policy_version = x.policy_version AND r.rule_id = x.rule_id
    GROUP BY event_id, agency_id, occurred_at
) AS v ON v.event_id = s.event_id AND v.agency_id = s.agency_id AND v.occurred_at = s.occurred_at
LEFT JOIN
(
    SELECT
        x.event_id AS event_id, x.agency_id AS agency_id, x.occurred_at AS occurred_at,
        arraySort(groupArray(CAST(
            (x.recorded_at, x.kind, x.told_of),
            'Tuple(recorded_at DateTime64(6, \'UTC\'), kind String, told_of String)'
        ))) AS outcomes
    FROM
    (
        -- As in frwatch.search_outcomes, for few searches: these are the side that is kept in memory.
        SELECT
            w.event_id AS event_id, w.agency_id AS agency_id, w.occurred_at AS occurred_at,
            y.recorded_at AS recorded_at, y.kind AS kind, 'search' AS told_of
        FROM frwatch.outcomes AS y INNER JOIN frwatch.searches AS w ON w.event_id = y.event_id
        UNION ALL
        SELECT
            w.event_id AS event_id, w.agency_id AS agency_id, w.occurred_at AS occurred_at,
            y.recorded_at AS recorded_at, y.kind AS kind, 'case' AS told_of
        FROM (SELECT * FROM frwatch.outcomes WHERE isNull(event_id) AND isNotNull(case_number)) AS y
        INNER JOIN frwatch.searches AS w ON w.agency_id = y.agency_id AND w.case_number = y.case_number
    ) AS x
    GROUP BY event_id, agency_id, occurred_at
) AS o ON o.event_id = s.event_id AND o.agency_id = s.agency_id AND o.occurred_at = s.occurred_at
LEFT JOIN
(
    SELECT
        event_id, agency_id, occurred_at,
        arraySort(groupArray(CAST(
            (told_at, destination, kind, rule, outcome),
            'Tuple(told_at Nullable(DateTime64(6, \'UTC\')), destination String, kind String, rule String, outcome String)'
        ))) AS alerts
    FROM
    (
        SELECT
            f.event_id AS event_id, f.agency_id AS agency_id, f.occurred_at AS occurred_at, x.alert_id AS alert_id,
            x.destination AS destination, any(x.kind) AS kind, any(x.policy_id) || '/' || any(x.rule_id) AS rule,
            argMax(x.outcome, x.attempt) AS outcome, minOrNullIf(x.attempted_at, x.outcome = 'delivered') AS told_at
        FROM (SELECT * FROM frwatch.alert_attempts_raw FINAL) AS x
        INNER JOIN
        (
            SELECT
                y.violation_id AS violation_id, w.event_id AS event_id, w.agency_id AS agency_id, w.occurred_at AS occurred_at
            FROM frwatch.violations AS y INNER JOIN frwatch.searches AS w ON w.event_id = y.event_id
        ) AS f ON f.violation_id = x.violation_id
        GROUP BY event_id, agency_id, occurred_at, alert_id, destination
    )
    GROUP BY event_id, agency_id, occurred_at
) AS t ON t.event_id = s.event_id AND t.agency_id = s.agency_id AND t.occurred_at = s.occurred_at
COMMENT 'One row a search, with the names behind its ids, what it broke, what came of it and who was told. Ask for an agency and a time: all of it is put together anew for the searches that are asked for.';

ALTER TABLE frwatch.searches_explained
    COMMENT COLUMN counted 'Whether it counts as a search: evidence SEARCH, in a service that matches faces.',
    COMMENT COLUMN agency_name 'Name of the agency, by the register in force now; empty where that does not have it.',
    COMMENT COLUMN provider_name 'Name of the service, by the catalogue that named it; empty where it is in none.',
    COMMENT COLUMN violations 'The rules that it breaks: policy_id, rule_id, title, severity, certainty, cites (as of policy_version, which judged it; empty where that was before such versions were kept).',
    COMMENT COLUMN outcomes 'What came of it: recorded_at (UTC), kind, and told_of: search, or case where the outcome names its case only.',
    COMMENT COLUMN alerts 'Who was told of it: told_at (UTC; null where it has not arrived), destination, kind, rule (policy_id/rule_id), and the outcome of the last attempt. A summary stands with the violation that it began with.';
