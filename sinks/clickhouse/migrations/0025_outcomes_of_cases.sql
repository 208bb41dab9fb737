-- A question about what came of searches took some 0.3 s of a state's year to find what is told of today's: outcomes
-- that name a case are one in twenty and were looked for among all, and which days are open was asked four times: each
-- place that asks is answered before the query is planned, one after the other.
-- And counts by hour are four bytes instead of eight: of ten million entries, most of the time went into these.

ALTER TABLE frwatch.outcomes_raw ADD COLUMN IF NOT EXISTS case_key UInt64
MATERIALIZED if(isNull(event_id) AND isNotNull(case_number), cityHash64(agency_id, assumeNotNull(case_number)), 0)
COMMENT 'Hash of the agency and case of which it speaks, to find it by; 0 where it names a search, or no case.';
-- What was stored before is found meanwhile too, by its case.
ALTER TABLE frwatch.outcomes_raw MATERIALIZE COLUMN case_key;

ALTER TABLE frwatch.rollup_documents
    MODIFY COLUMN `hours.searches` Array(UInt32), MODIFY COLUMN `hours.forbidden` Array(UInt32),
    MODIFY COLUMN `hours.confirmed` Array(UInt32);

CREATE OR REPLACE VIEW frwatch.searches_by_hour SQL SECURITY INVOKER AS
WITH (SELECT groupArray((agency_id, day)) FROM frwatch.rollup_open) AS open
SELECT
    agency_id, day, toDateTime64(day, 0, 'UTC') + toIntervalHour(hours.hour) AS hour, hours.hour AS hour_of_day,
    hours.provider_id AS provider_id, hours.provider_class AS provider_class, hours.evidence AS evidence,
    hours.searches AS searches, hours.forbidden AS forbidden, hours.confirmed AS confirmed
FROM frwatch.rollup_documents FINAL ARRAY JOIN hours
WHERE (agency_id, day) NOT IN (SELECT arrayJoin(open))
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, toDateTime64(toStartOfHour(occurred_at), 0, 'UTC') AS hour,
    toHour(hour) AS hour_of_day, provider_id, provider_class, evidence, toUInt32(count()) AS searches,
    toUInt32(countIf(notEmpty(broken_rules))) AS forbidden, toUInt32(countIf(certainty = 'CONFIRMED')) AS confirmed
FROM frwatch.searches
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
GROUP BY agency_id, day, hour, provider_id, provider_class, evidence
COMMENT 'How many searches, and signs of some, there were in each hour (UTC), by agency, provider and tier of evidence. What counts as a search has evidence SEARCH and a provider_class other than not_fr. Ask for a day as well as an hour: it is found sooner.';

CREATE OR REPLACE VIEW frwatch.outcomes_by_day SQL SECURITY INVOKER AS
WITH (SELECT groupArray((agency_id, day)) FROM frwatch.rollup_outcomes_open) AS open
SELECT
    agency_id, day, crimes.crime_type AS crime_type, crimes.searches AS searches,
    crimes.with_candidates AS with_candidates, crimes.told AS told,
    crimes.told_within_30_days AS told_within_30_days, crimes.led_to_action AS led_to_action,
    crimes.arrests_without_candidates AS arrests_without_candidates
FROM frwatch.rollup_documents FINAL ARRAY JOIN crimes
WHERE (agency_id, day) NOT IN (SELECT arrayJoin(open))
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
    WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
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
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
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
        SELECT outcome_id FROM frwatch.outcomes_raw WHERE case_key IN
        (
            SELECT cityHash64(agency_id, ifNull(case_number, '')) FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
        )
    )
    WHERE isNull(event_id) AND isNotNull(case_number)
    GROUP BY agency_id, of_case
) AS c USING (agency_id, of_case, has_case)
GROUP BY agency_id, day, crime_type
COMMENT 'How many searches there were on each day (UTC), by agency and type of crime, and of how many what came. An outcome speaks of a search by its id, or by agency and case where it names no search.';

CREATE OR REPLACE VIEW frwatch.rollup_told SQL SECURITY INVOKER AS
WITH (SELECT groupArray((agency_id, day)) FROM frwatch.rollup_outcomes_open) AS open
SELECT
    s.event_id AS event_id, s.agency_id AS agency_id, s.day AS day, s.provider_class AS provider_class, s.officer AS officer,
    s.case_number AS case_number,
    arrayFilter((kind, at) -> bitTest(bitOr(e.kinds, c.kinds), at), ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'], range(1, 9)) AS kinds,
    arrayDistinct(arrayConcat(e.faces, c.faces)) AS faces
FROM
(
    SELECT
        event_id, agency_id, toDate32(occurred_at) AS day, ifNull(case_number, '') AS of_case,
        isNotNull(case_number) AS has_case, provider_class, officer, case_number
    FROM frwatch.counted_searches
    WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
) AS s
LEFT JOIN
(
    SELECT
        assumeNotNull(event_id) AS event_id,
        groupBitOr(bitShiftLeft(toUInt16(1), indexOf(['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'], kind))) AS kinds,
        groupUniqArrayIf(
            tuple(nullIf(age_band, 'not stated'), nullIf(race, 'not stated'), nullIf(gender, 'not stated')),
            kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')
        ) AS faces
    FROM frwatch.outcomes_raw FINAL
    PREWHERE outcome_id IN
    (
        SELECT outcome_id FROM frwatch.outcomes_raw WHERE event_id IN
        (
            SELECT event_id FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
        )
    )
    WHERE isNotNull(event_id)
    GROUP BY event_id
) AS e USING (event_id)
LEFT JOIN
(
    SELECT
        agency_id, assumeNotNull(case_number) AS of_case, true AS has_case,
        groupBitOr(bitShiftLeft(toUInt16(1), indexOf(['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'], kind))) AS kinds,
        groupUniqArrayIf(
            tuple(nullIf(age_band, 'not stated'), nullIf(race, 'not stated'), nullIf(gender, 'not stated')),
            kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')
        ) AS faces
    FROM frwatch.outcomes_raw FINAL
    PREWHERE outcome_id IN
    (
        SELECT outcome_id FROM frwatch.outcomes_raw WHERE case_key IN
        (
            SELECT cityHash64(agency_id, ifNull(case_number, '')) FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
        )
    )
    WHERE isNull(event_id) AND isNotNull(case_number)
    GROUP BY agency_id, of_case
) AS c USING (agency_id, of_case, has_case)
WHERE bitOr(e.kinds, c.kinds) > 0
COMMENT 'What counts as a search and has an outcome, of the agencies and days of which outcomes are counted from the tables themselves.';

ALTER TABLE frwatch.searches_by_hour
    COMMENT COLUMN hour 'The hour''s first second, UTC.',
    COMMENT COLUMN hour_of_day 'The hour of the day, 0 to 23, UTC.',
    COMMENT COLUMN searches 'How many rows of frwatch.searches.',
    COMMENT COLUMN forbidden 'How many of these break a rule.',
    COMMENT COLUMN confirmed 'How many of these do so for certain: their certainty is CONFIRMED.';

ALTER TABLE frwatch.outcomes_by_day
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN with_candidates 'How many of these brought candidates.',
    COMMENT COLUMN told 'Of how many of these an outcome is told.',
    COMMENT COLUMN told_within_30_days 'Of how many of these one was recorded within 30 days of the search.',
    COMMENT COLUMN led_to_action 'How many of these led to a lead, an identification, an arrest, a charge, a conviction or an exoneration.',
    COMMENT COLUMN arrests_without_candidates 'How many of these brought no candidate, and were followed by an arrest, a charge or a conviction.';

ALTER TABLE frwatch.rollup_told
    COMMENT COLUMN day 'Day of the search, UTC.',
    COMMENT COLUMN kinds 'The kinds of its outcomes, gravest first, each once.',
    COMMENT COLUMN faces 'Age band, race and gender of each whom an outcome of action concerned; null where it is not stated.';
