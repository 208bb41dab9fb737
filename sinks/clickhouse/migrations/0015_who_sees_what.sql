-- Who sees what. deploy/clickhouse/roles.sql has the roles; here is what they stand on.

-- Whoever asks a view sees what he may see of its tables: the row policies of an agency's analyst bind him here too.
-- Said in so many words, because a server may be set to let views read with their maker's rights.
ALTER TABLE frwatch.searches MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.counted_searches MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.violations MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.outcomes MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.search_outcomes MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.unreported_access MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.search_differences MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.outcome_differences MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.alerts MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.alerts_delivered MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.alert_latency MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.alert_acknowledgements MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.dead_letters MODIFY SQL SECURITY INVOKER;
ALTER TABLE frwatch.redrives MODIFY SQL SECURITY INVOKER;

-- These write with the rights of whoever migrates, so that a worker may insert searches and nothing else.
ALTER TABLE frwatch.search_arrivals_of_searches MODIFY DEFINER = CURRENT_USER SQL SECURITY DEFINER;
ALTER TABLE frwatch.outcome_arrivals_of_outcomes MODIFY DEFINER = CURRENT_USER SQL SECURITY DEFINER;

-- For the public: a fixed set of counts. They read with the rights of whoever migrates, so that their reader needs
-- none. A count from 1 to 9 is withheld (null). So is one that could be had by taking others from a sum: where counts
-- of a year are withheld, they are two at least and ten in sum. A year is there a month after its end.

CREATE OR REPLACE VIEW frwatch.public_use
(
    year UInt16 COMMENT 'Calendar year, UTC.',
    agency_id String COMMENT 'The agency whose members ran the searches; empty for agencies in no register.',
    measure String COMMENT 'What is counted: searches, people, searches_that_break_a_rule or searches_without_case_number.',
    count Nullable(UInt64) COMMENT 'How many; null where it is withheld.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    counts AS
    (
        SELECT
            toYear(occurred_at) AS year, if(agency_known, toString(agency_id), '') AS agency_id, count() AS searches,
            arrayJoin([
                ('searches', searches), ('people', uniqExact(officer)),
                ('searches_that_break_a_rule', countIf(certainty = 'CONFIRMED')),
                ('searches_without_case_number', countIf(empty(trim(ifNull(case_number, '')))))
            ]) AS counted,
            counted.1 AS measure, counted.2 AS n,
            -- Where nearly all searches are of a kind, the few others could be had by subtraction.
            measure != 'people' AND searches - n BETWEEN 1 AND 9 AS few_others
        FROM frwatch.counted_searches
        WHERE toYear(occurred_at) < toYear(now('UTC') - INTERVAL 31 DAY)
        GROUP BY year, agency_id
    ),
    small AS (SELECT *, n BETWEEN 1 AND 9 OR few_others AS withheld FROM counts),
    paired AS
    (
        SELECT *, withheld OR
        (
            n > 0 AND countIf(withheld) OVER (PARTITION BY year, measure) > 0
            AND row_number() OVER (PARTITION BY year, measure, withheld ORDER BY n = 0, n, agency_id) = 1
            AND (countIf(withheld) OVER (PARTITION BY year, measure) = 1
                OR sumIf(n, withheld) OVER (PARTITION BY year, measure) < 10)
        ) AS also_withheld
        FROM small
    ),
    within AS
    (
        -- Nothing is told of an agency whose searches are withheld.
        SELECT *, also_withheld OR countIf(measure = 'searches' AND also_withheld) OVER (PARTITION BY year, agency_id) > 0
            AS hidden
        FROM paired
    )
SELECT
    toUInt16(year) AS year, agency_id, measure,
    if(hidden, NULL, toNullable(toUInt64(n))) AS count
FROM within
COMMENT 'For the public: what each agency did in a year, without small counts.';

CREATE OR REPLACE VIEW frwatch.public_services
(
    year UInt16 COMMENT 'Calendar year, UTC.',
    provider_class String COMMENT 'commercial, government, agency or unknown.',
    searches Nullable(UInt64) COMMENT 'Searches of all agencies; null where it is withheld.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    counts AS
    (
        SELECT toYear(occurred_at) AS year, toString(provider_class) AS provider_class, count() AS n, n < 10 AS withheld
        FROM frwatch.counted_searches
        WHERE toYear(occurred_at) < toYear(now('UTC') - INTERVAL 31 DAY)
        GROUP BY year, provider_class
    ),
    paired AS
    (
        SELECT *, withheld OR
        (
            countIf(withheld) OVER (PARTITION BY year) > 0
            AND row_number() OVER (PARTITION BY year, withheld ORDER BY n, provider_class) = 1
            AND (countIf(withheld) OVER (PARTITION BY year) = 1 OR sumIf(n, withheld) OVER (PARTITION BY year) < 10)
        ) AS hidden
        FROM counts
    )
SELECT toUInt16(year) AS year, provider_class, if(hidden, NULL, toNullable(toUInt64(n))) AS searches
FROM paired
COMMENT 'For the public: which kinds of services were searched in a year, over all agencies, without small counts.';

CREATE OR REPLACE VIEW frwatch.public_outcomes
(
    year UInt16 COMMENT 'Calendar year in which the search ran, UTC.',
    kind String COMMENT 'What came of it: NO_LEAD, LEAD, IDENTIFICATION, ARREST, CHARGE, CONVICTION, EXONERATION or UNKNOWN.',
    searches Nullable(UInt64) COMMENT 'Searches with such an outcome; one may have several; null where it is withheld.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH counts AS
(
    SELECT toYear(occurred_at) AS year, toString(kind) AS kind, uniqExact(event_id) AS n
    FROM frwatch.search_outcomes
    WHERE counted AND toYear(occurred_at) < toYear(now('UTC') - INTERVAL 31 DAY)
    GROUP BY year, kind
)
SELECT toUInt16(year) AS year, kind, if(n < 10, NULL, toNullable(toUInt64(n))) AS searches
FROM counts
COMMENT 'For the public: what came of searches, over all agencies, without small counts.';

-- Who learned which person a pseudonym stands for. The first row is there before anything is looked for.

CREATE TABLE IF NOT EXISTS frwatch.reveals_raw
(
    reveal_id UUID COMMENT 'Identity of one request.',
    step LowCardinality(String) COMMENT 'asked, before anything was looked for, or answered.',
    pseudonym String COMMENT 'The pseudonym, hex. What it stands for is nowhere here.',
    agency_id LowCardinality(String) COMMENT 'The agency that the person''s searches are stored under; empty where none is.',
    asked_by String COMMENT 'Who asked, as he says.',
    reason String COMMENT 'Why, as he says.',
    case_number String COMMENT 'The case that it was asked for.',
    outcome LowCardinality(String) COMMENT 'found, not_found, refused, or failed where something was not there; empty where step is asked.',
    detail String COMMENT 'How it was found, or why not, in words of frwatch.',
    login LowCardinality(String) MATERIALIZED currentUser() COMMENT 'Who it was by the server''s own knowledge: the user of the connection.',
    at DateTime64(6, 'UTC') MATERIALIZED now64(6, 'UTC') COMMENT 'When, by the server''s clock, UTC.'
)
ENGINE = MergeTree
ORDER BY (reveal_id, step)
COMMENT 'Each step of revealing a pseudonym. Nothing here is ever changed. Query frwatch.reveals instead.';

CREATE OR REPLACE VIEW frwatch.reveals
(
    reveal_id UUID COMMENT 'Identity of one request.',
    asked_at DateTime64(6, 'UTC') COMMENT 'When it was asked, by the server''s clock, UTC.',
    asked_by String COMMENT 'Who asked, as he says.',
    login String COMMENT 'Who it was by the server''s own knowledge: the user of the connection.',
    reason String COMMENT 'Why, as he says.',
    case_number String COMMENT 'The case that it was asked for.',
    pseudonym String COMMENT 'The pseudonym, hex.',
    agency_id String COMMENT 'The agency that the person''s searches are stored under; empty where none is.',
    outcome String COMMENT 'found, not_found, refused, failed, or unanswered where it was cut off.',
    detail String COMMENT 'How it was found, or why not.',
    answered_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When what came of it was written down, UTC; null where it was cut off.'
)
SQL SECURITY INVOKER AS
SELECT
    r.reveal_id AS reveal_id,
    minIf(r.at, r.step = 'asked') AS asked_at,
    anyIf(r.asked_by, r.step = 'asked') AS asked_by,
    anyIf(r.login, r.step = 'asked') AS login,
    anyIf(r.reason, r.step = 'asked') AS reason,
    anyIf(r.case_number, r.step = 'asked') AS case_number,
    anyIf(r.pseudonym, r.step = 'asked') AS pseudonym,
    anyIf(r.agency_id, r.step = 'asked') AS agency_id,
    if(countIf(r.step = 'answered') = 0, 'unanswered', argMinIf(r.outcome, r.at, r.step = 'answered')) AS outcome,
    argMinIf(r.detail, r.at, r.step = 'answered') AS detail,
    minOrNullIf(r.at, r.step = 'answered') AS answered_at
FROM frwatch.reveals_raw AS r GROUP BY r.reveal_id
COMMENT 'One row for each time that somebody asked who a pseudonym is: who, when, why, for which case, and what came of it.';
