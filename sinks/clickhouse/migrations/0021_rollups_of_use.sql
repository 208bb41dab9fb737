-- What sources leave out, what came of searches, and what was reached without a search are rolled up too: of a state's
-- year these questions took from four to forty seconds.
--
-- All three stand in the documents that there are, as further lists.  A document is made whole, so a worker of an older
-- version must make none: it would lack them, and count all the same.  The constraint refuses it; until workers are
-- renewed, answers come from the tables.

ALTER TABLE frwatch.rollup_documents
    ADD COLUMN IF NOT EXISTS shape UInt8 COMMENT 'Which lists it has: 2 has them all, 0 is from before there were sources, crimes and unreported.',
    ADD COLUMN IF NOT EXISTS `sources.source` Array(LowCardinality(String)) COMMENT 'Of each source''s count: the client or collector.',
    ADD COLUMN IF NOT EXISTS `sources.evidence` Array(LowCardinality(String)) COMMENT 'Its tier: SEARCH, ACCESS or LOOKUP.',
    ADD COLUMN IF NOT EXISTS `sources.events` Array(UInt64) COMMENT 'How many rows of frwatch.searches.',
    ADD COLUMN IF NOT EXISTS `sources.no_person` Array(UInt64) COMMENT 'How many of these do not say who it was.',
    ADD COLUMN IF NOT EXISTS `sources.no_service` Array(UInt64) COMMENT 'How many name no service and no host.',
    ADD COLUMN IF NOT EXISTS `sources.no_case` Array(UInt64) COMMENT 'How many name no case.',
    ADD COLUMN IF NOT EXISTS `sources.no_result` Array(UInt64) COMMENT 'How many do not say how many candidates came back.',
    ADD COLUMN IF NOT EXISTS `sources.no_image_hash` Array(UInt64) COMMENT 'How many name no probe.',
    ADD COLUMN IF NOT EXISTS `crimes.crime_type` Array(LowCardinality(Nullable(String))) COMMENT 'Of each crime''s count of what counts as a search: its type; null where it is not stated.',
    ADD COLUMN IF NOT EXISTS `crimes.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    ADD COLUMN IF NOT EXISTS `crimes.with_candidates` Array(UInt64) COMMENT 'How many of these brought candidates.',
    ADD COLUMN IF NOT EXISTS `crimes.told` Array(UInt64) COMMENT 'Of how many an outcome is told.',
    ADD COLUMN IF NOT EXISTS `crimes.told_within_30_days` Array(UInt64) COMMENT 'Of how many one was recorded within 30 days.',
    ADD COLUMN IF NOT EXISTS `crimes.led_to_action` Array(UInt64) COMMENT 'How many led to a lead, an identification, an arrest or more.',
    ADD COLUMN IF NOT EXISTS `crimes.arrests_without_candidates` Array(UInt64) COMMENT 'How many brought no candidate, and were followed by an arrest, a charge or a conviction.',
    ADD COLUMN IF NOT EXISTS `unreported.provider_id` Array(LowCardinality(Nullable(String))) COMMENT 'Of each count of access that no client reported: the provider; null for a service in no catalogue.',
    ADD COLUMN IF NOT EXISTS `unreported.endpoint_host` Array(LowCardinality(Nullable(String))) COMMENT 'Its host; null where the source does not say.',
    ADD COLUMN IF NOT EXISTS `unreported.source` Array(LowCardinality(String)) COMMENT 'The collector that saw it.',
    ADD COLUMN IF NOT EXISTS `unreported.times` Array(UInt64) COMMENT 'How many rows of frwatch.unreported_access.',
    ADD COLUMN IF NOT EXISTS `unreported.unnamed` Array(UInt64) COMMENT 'How many of these name nobody.',
    ADD COLUMN IF NOT EXISTS `unreported.last_at` Array(DateTime64(6, 'UTC')) COMMENT 'When the last of them was, UTC.',
    ADD COLUMN IF NOT EXISTS `unreported.people` Array(Array(UInt64)) COMMENT 'Hashes of the pseudonyms of who it was, each once, to count people over days.',
    ADD CONSTRAINT IF NOT EXISTS shape_of_its_version CHECK shape = 2;

-- Whether an access was reported is told by searches within an hour: of the day before and of the day after too.
ALTER TABLE frwatch.rollup_marks_of_searches MODIFY QUERY
SELECT agency_id, arrayJoin(if(beside = 0, [own_day], [own_day, addDays(own_day, beside)])) AS day, now64(6, 'UTC') AS marked_at
FROM
(
    SELECT
        agency_id, toDate32(occurred_at) AS own_day,
        -- Nothing is earlier than 1900 or later than 2299.
        multiIf(
            toHour(occurred_at) = 0 AND own_day > toDate32('1900-01-01'), -1,
            toHour(occurred_at) = 23 AND own_day < toDate32('2299-12-31'), 1, 0
        ) AS beside
    FROM frwatch.searches_raw GROUP BY agency_id, own_day, beside
)
GROUP BY agency_id, day;

-- An outcome touches the days of the searches that it speaks of.  To find them takes longer than to store it, so it is
-- written down that it came, and the keeper of roll-ups marks their days (sinks/clickhouse/rollups.py).  Up to the
-- watermark that was done; the searches of later ones are found by who asks.
CREATE TABLE IF NOT EXISTS frwatch.rollup_outcome_marks
(
    outcome_id UUID COMMENT 'The outcome.',
    agency_id LowCardinality(String) COMMENT 'The agency that told it.',
    event_id Nullable(UUID) COMMENT 'The search that the copy names; null where it names none.',
    marked_at DateTime64(6, 'UTC') COMMENT 'When an insert with a copy of it began, by the engine''s clock, UTC.'
)
ENGINE = MergeTree
ORDER BY marked_at
SETTINGS non_replicated_deduplication_window = 0, replicated_deduplication_window = 0
COMMENT 'Copies of outcomes that came; merges of outcomes_raw leave one of those that differ.';

CREATE TABLE IF NOT EXISTS frwatch.rollup_outcome_watermarks
(
    through DateTime64(6, 'UTC') COMMENT 'Of outcomes that came up to then the searches'' days are marked, UTC; the last one counts.'
)
ENGINE = ReplacingMergeTree(through)
ORDER BY tuple()
COMMENT 'How far outcomes have marked the days of their searches.';

CREATE MATERIALIZED VIEW IF NOT EXISTS frwatch.rollup_marks_of_outcomes TO frwatch.rollup_outcome_marks AS
SELECT DISTINCT outcome_id, agency_id, event_id, now64(6, 'UTC') AS marked_at FROM frwatch.outcomes_raw;
ALTER TABLE frwatch.rollup_marks_of_outcomes MODIFY DEFINER = CURRENT_USER SQL SECURITY DEFINER;
ALTER TABLE frwatch.rollup_marks_of_outcomes MODIFY COMMENT 'Writes down that outcomes came.';

CREATE VIEW IF NOT EXISTS frwatch.rollup_outcome_days SQL SECURITY INVOKER AS
WITH came AS
(
    SELECT outcome_id FROM frwatch.rollup_outcome_marks
    WHERE marked_at > (SELECT max(through) FROM frwatch.rollup_outcome_watermarks)
)
SELECT DISTINCT agency_id, toDate32(occurred_at) AS day FROM frwatch.searches_raw
WHERE event_id IN
(
    -- By all copies of them: which one counts may have changed.
    SELECT assumeNotNull(event_id) FROM frwatch.rollup_outcome_marks
    WHERE isNotNull(event_id) AND outcome_id IN (SELECT outcome_id FROM came)
)
UNION ALL
SELECT DISTINCT agency_id, toDate32(occurred_at) AS day FROM frwatch.searches_raw
WHERE (agency_id, ifNull(case_number, '')) IN
(
    -- isNull would read a column within the column, which a grant of columns does not cover.
    SELECT agency_id, assumeNotNull(case_number) FROM frwatch.outcomes_raw
    WHERE outcome_id IN (SELECT outcome_id FROM came) AND ifNull(case_number, '\0') != '\0'
        AND ifNull(event_id, toUUID('00000000-0000-0000-0000-000000000000')) = toUUID('00000000-0000-0000-0000-000000000000')
)
COMMENT 'Agencies and days of the searches of which an outcome came that has not marked them yet.';

CREATE VIEW IF NOT EXISTS frwatch.rollup_outcomes_open SQL SECURITY INVOKER AS
SELECT agency_id, day FROM frwatch.rollup_open UNION ALL SELECT agency_id, day FROM frwatch.rollup_outcome_days
COMMENT 'Agencies and days of which outcomes are counted from the tables themselves: their searches, or what came of them, were touched after the last watermarks.';

CREATE VIEW IF NOT EXISTS frwatch.sources_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, sources.source AS source, sources.evidence AS evidence, sources.events AS events,
    sources.no_person AS no_person, sources.no_service AS no_service, sources.no_case AS no_case,
    sources.no_result AS no_result, sources.no_image_hash AS no_image_hash
FROM frwatch.rollup_documents FINAL ARRAY JOIN sources
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, source, evidence, count() AS events,
    countIf(isNull(officer)) AS no_person, countIf(isNull(provider) AND isNull(endpoint) AND NOT expunged) AS no_service,
    countIf(isNull(case_number)) AS no_case, countIf(isNull(candidates)) AS no_result,
    countIf(isNull(probe_hash) AND NOT expunged) AS no_image_hash
FROM frwatch.searches
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
GROUP BY agency_id, day, source, evidence
COMMENT 'How many searches, and signs of some, each source reported on each day (UTC), by agency and tier of evidence, and how many of these lack what an audit asks for. What an expungement erased is not taken for left out.';

CREATE VIEW IF NOT EXISTS frwatch.outcomes_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, crimes.crime_type AS crime_type, crimes.searches AS searches,
    crimes.with_candidates AS with_candidates, crimes.told AS told,
    crimes.told_within_30_days AS told_within_30_days, crimes.led_to_action AS led_to_action,
    crimes.arrests_without_candidates AS arrests_without_candidates
FROM frwatch.rollup_documents FINAL ARRAY JOIN crimes
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_outcomes_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, day, crime_type, count() AS searches, countIf(candidates > 0) AS with_candidates,
    countIf(e.outcomes + c.outcomes > 0) AS told,
    countIf((e.outcomes > 0 AND e.first_at < soon) OR (c.outcomes > 0 AND c.first_at < soon)) AS told_within_30_days,
    countIf(e.actions + c.actions > 0) AS led_to_action,
    countIf(candidates = 0 AND e.arrests + c.arrests > 0) AS arrests_without_candidates
FROM
(
    SELECT
        event_id, agency_id, toDate32(occurred_at) AS day, occurred_at + toIntervalDay(30) AS soon,
        ifNull(case_number, '') AS of_case, isNotNull(case_number) AS has_case, crime_type, candidates
    FROM frwatch.counted_searches
    WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_outcomes_open)
) AS s
LEFT JOIN
(
    SELECT
        assumeNotNull(event_id) AS event_id, count() AS outcomes, min(recorded_at) AS first_at,
        countIf(kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')) AS actions,
        countIf(kind IN ('ARREST', 'CHARGE', 'CONVICTION')) AS arrests
    FROM frwatch.outcomes_raw FINAL
    PREWHERE outcome_id IN
    (
        SELECT outcome_id FROM frwatch.outcomes_raw WHERE event_id IN
        (
            SELECT event_id FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_outcomes_open)
        )
    )
    WHERE isNotNull(event_id)
    GROUP BY event_id
) AS e USING (event_id)
LEFT JOIN
(
    SELECT
        agency_id, assumeNotNull(case_number) AS of_case, true AS has_case, count() AS outcomes,
        min(recorded_at) AS first_at,
        countIf(kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')) AS actions,
        countIf(kind IN ('ARREST', 'CHARGE', 'CONVICTION')) AS arrests
    FROM frwatch.outcomes_raw FINAL
    PREWHERE outcome_id IN
    (
        SELECT outcome_id FROM frwatch.outcomes_raw
        PREWHERE ifNull(event_id, toUUID('00000000-0000-0000-0000-000000000000')) = toUUID('00000000-0000-0000-0000-000000000000')
        WHERE ifNull(case_number, '\0') != '\0' AND (agency_id, ifNull(case_number, '')) IN
        (
            SELECT agency_id, ifNull(case_number, '') FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_outcomes_open)
        )
    )
    WHERE isNull(event_id) AND isNotNull(case_number)
    GROUP BY agency_id, of_case
) AS c USING (agency_id, of_case, has_case)
GROUP BY agency_id, day, crime_type
COMMENT 'How many searches there were on each day (UTC), by agency and type of crime, and of how many what came. An outcome speaks of a search by its id, or by agency and case where it names no search.';

CREATE VIEW IF NOT EXISTS frwatch.unreported_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, unreported.provider_id AS provider_id, unreported.endpoint_host AS endpoint_host,
    unreported.source AS source, unreported.times AS times, unreported.unnamed AS unnamed,
    unreported.last_at AS last_at, unreported.people AS people
FROM frwatch.rollup_documents FINAL ARRAY JOIN unreported
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, provider_id, endpoint_host, source, count() AS times,
    countIf(isNull(officer)) AS unnamed, max(occurred_at) AS last_at,
    groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people
FROM frwatch.searches
WHERE evidence = 'ACCESS' AND provider_class != 'not_fr'
    AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
    AND event_id NOT IN
    (
        SELECT seen.event_id
        FROM
        (
            SELECT agency_id, assumeNotNull(officer) AS person, provider_id, occurred_at,
                intDiv(toUnixTimestamp64Micro(occurred_at), 3600000000) AS hour
            FROM frwatch.searches WHERE evidence = 'SEARCH' AND isNotNull(officer)
                AND (agency_id, toDate32(occurred_at)) IN
                    (SELECT agency_id, arrayJoin([day - 1, day, day + 1]) FROM frwatch.rollup_open)
        ) AS told
        INNER JOIN
        (
            -- An hour before and after lies in the hour of the clock, the one before and the one after.
            SELECT event_id, agency_id, assumeNotNull(officer) AS person, provider_id, occurred_at,
                arrayJoin([-1, 0, 1]) + intDiv(toUnixTimestamp64Micro(occurred_at), 3600000000) AS hour
            FROM frwatch.searches WHERE evidence = 'ACCESS' AND isNotNull(officer)
                AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
        ) AS seen
        ON seen.agency_id = told.agency_id AND seen.person = told.person AND seen.hour = told.hour
        WHERE abs(toUnixTimestamp64Micro(seen.occurred_at) - toUnixTimestamp64Micro(told.occurred_at)) <= 3600000000
            AND (told.provider_id IS NULL OR seen.provider_id IS NULL OR told.provider_id = seen.provider_id)
    )
GROUP BY agency_id, day, provider_id, endpoint_host, source
COMMENT 'How many rows of frwatch.unreported_access there were on each day (UTC), by agency, provider, host and source. How many people those were over several days: uniqExactArray(people).';

-- All documents are made anew.
INSERT INTO frwatch.rollup_marks
SELECT agency_id, day, now64(6, 'UTC') FROM frwatch.rollup_marks GROUP BY agency_id, day;

ALTER TABLE frwatch.rollup_outcome_days COMMENT COLUMN day 'Day of the search, UTC.';

ALTER TABLE frwatch.sources_by_day
    COMMENT COLUMN events 'How many rows of frwatch.searches.',
    COMMENT COLUMN no_person 'How many of these do not say who it was.',
    COMMENT COLUMN no_service 'How many of these name no service and no host.',
    COMMENT COLUMN no_case 'How many of these name no case.',
    COMMENT COLUMN no_result 'How many of these do not say how many candidates came back.',
    COMMENT COLUMN no_image_hash 'How many of these name no probe.';

ALTER TABLE frwatch.outcomes_by_day
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN with_candidates 'How many of these brought candidates.',
    COMMENT COLUMN told 'Of how many of these an outcome is told.',
    COMMENT COLUMN told_within_30_days 'Of how many of these one was recorded within 30 days of the search.',
    COMMENT COLUMN led_to_action 'How many of these led to a lead, an identification, an arrest, a charge, a conviction or an exoneration.',
    COMMENT COLUMN arrests_without_candidates 'How many of these brought no candidate, and were followed by an arrest, a charge or a conviction.';

ALTER TABLE frwatch.unreported_by_day
    COMMENT COLUMN times 'How many rows of frwatch.unreported_access.',
    COMMENT COLUMN unnamed 'How many of these name nobody.',
    COMMENT COLUMN last_at 'When the last of these was, UTC.',
    COMMENT COLUMN people 'Hashes of the pseudonyms of who it was, each once.';
