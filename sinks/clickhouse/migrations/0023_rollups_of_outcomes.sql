-- Of whom a match led to action, what came of whose searches in which cases, and what units leave out is rolled up too:
-- of a state's year these questions took from one to thirty seconds.  Of what counts as a search one in eight has an
-- outcome, and only these are listed by person and case.  A worker of an older version makes no document, as in 0021.

ALTER TABLE frwatch.rollup_documents
    ADD COLUMN IF NOT EXISTS `faces.age_band` Array(LowCardinality(Nullable(String))) COMMENT 'Of each count of searches that led to action against somebody: the age of whom, as a band; null where it is not stated.',
    ADD COLUMN IF NOT EXISTS `faces.race` Array(LowCardinality(Nullable(String))) COMMENT 'The race of whom; null where it is not stated.',
    ADD COLUMN IF NOT EXISTS `faces.gender` Array(LowCardinality(Nullable(String))) COMMENT 'The gender of whom; null where it is not stated.',
    ADD COLUMN IF NOT EXISTS `faces.matches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    ADD COLUMN IF NOT EXISTS `told.provider_class` Array(LowCardinality(String)) COMMENT 'Of each count of what counts as a search and has an outcome: its provider''s class.',
    ADD COLUMN IF NOT EXISTS `told.kinds` Array(Array(LowCardinality(String))) COMMENT 'The kinds of its outcomes, gravest first, each once.',
    ADD COLUMN IF NOT EXISTS `told.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    ADD COLUMN IF NOT EXISTS `told.people` Array(Array(UInt64)) COMMENT 'Hashes of the pseudonyms of who ran them: one for each of these searches that names somebody.',
    ADD COLUMN IF NOT EXISTS `told.cases` Array(Array(UInt64)) COMMENT 'Hashes of the numbers of their cases: one for each of these searches that names a case.',
    ADD COLUMN IF NOT EXISTS `units.unit` Array(LowCardinality(Nullable(String))) COMMENT 'Of each unit''s count of what counts as a search: the unit; null where it is not stated.',
    ADD COLUMN IF NOT EXISTS `units.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    ADD COLUMN IF NOT EXISTS `units.no_case` Array(UInt64) COMMENT 'How many of these name no case, or a blank.',
    ADD COLUMN IF NOT EXISTS `units.no_crime` Array(UInt64) COMMENT 'How many name no type of crime, or a blank.',
    ADD COLUMN IF NOT EXISTS `units.no_approval` Array(UInt64) COMMENT 'How many name nobody who approved them, or a blank.',
    MODIFY COLUMN shape COMMENT 'Which lists it has: 3 has them all, 2 lacks faces, told and units, 0 is from before there were sources, crimes and unreported.',
    DROP CONSTRAINT IF EXISTS shape_of_its_version;
ALTER TABLE frwatch.rollup_documents ADD CONSTRAINT IF NOT EXISTS shape_of_its_version CHECK shape = 3;

-- Asked for once: each place that asks is answered before the query is planned, one after the other.
CREATE VIEW IF NOT EXISTS frwatch.rollup_told SQL SECURITY INVOKER AS
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
        SELECT outcome_id FROM frwatch.outcomes_raw
        PREWHERE ifNull(event_id, toUUID('00000000-0000-0000-0000-000000000000')) = toUUID('00000000-0000-0000-0000-000000000000')
        WHERE ifNull(case_number, '\0') != '\0' AND (agency_id, ifNull(case_number, '')) IN
        (
            SELECT agency_id, ifNull(case_number, '') FROM frwatch.searches_raw
            WHERE (agency_id, toDate32(occurred_at)) IN (SELECT arrayJoin(open))
        )
    )
    WHERE isNull(event_id) AND isNotNull(case_number)
    GROUP BY agency_id, of_case
) AS c USING (agency_id, of_case, has_case)
WHERE bitOr(e.kinds, c.kinds) > 0
COMMENT 'What counts as a search and has an outcome, of the agencies and days of which outcomes are counted from the tables themselves.';

CREATE VIEW IF NOT EXISTS frwatch.faces_by_day SQL SECURITY INVOKER AS
WITH (SELECT groupArray((agency_id, day)) FROM frwatch.rollup_outcomes_open) AS open
SELECT
    agency_id, day, faces.age_band AS age_band, faces.race AS race, faces.gender AS gender, faces.matches AS matches
FROM frwatch.rollup_documents FINAL ARRAY JOIN faces
WHERE (agency_id, day) NOT IN (SELECT arrayJoin(open))
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT agency_id, day, face.1 AS age_band, face.2 AS race, face.3 AS gender, count() AS matches
FROM frwatch.rollup_told ARRAY JOIN faces AS face
GROUP BY agency_id, day, age_band, race, gender
COMMENT 'How many searches of each day (UTC) led to a lead, an identification, an arrest, a charge, a conviction or an exoneration, by agency and by the age, race and gender of whom the outcome concerned. One that concerned several people counts for each of these.';

CREATE VIEW IF NOT EXISTS frwatch.told_by_day SQL SECURITY INVOKER AS
WITH (SELECT groupArray((agency_id, day)) FROM frwatch.rollup_outcomes_open) AS open
SELECT
    agency_id, day, told.provider_class AS provider_class, told.kinds AS kinds, told.searches AS searches,
    told.people AS people, told.cases AS cases
FROM frwatch.rollup_documents FINAL ARRAY JOIN told
WHERE (agency_id, day) NOT IN (SELECT arrayJoin(open))
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, day, provider_class, kinds, count() AS searches,
    groupArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people,
    groupArrayIf(cityHash64(assumeNotNull(case_number)), isNotNull(case_number)) AS cases
FROM frwatch.rollup_told
GROUP BY agency_id, day, provider_class, kinds
COMMENT 'Of how many searches of each day (UTC) an outcome is told, by agency, class of service and the kinds that are told. How many people ran them over several days: uniqExactArray(people).';

CREATE VIEW IF NOT EXISTS frwatch.units_by_day SQL SECURITY INVOKER AS
SELECT
    agency_id, day, units.unit AS unit, units.searches AS searches, units.no_case AS no_case, units.no_crime AS no_crime,
    units.no_approval AS no_approval
FROM frwatch.rollup_documents FINAL ARRAY JOIN units
WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM frwatch.rollup_open)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
    agency_id, toDate32(occurred_at) AS day, unit, count() AS searches,
    countIf(empty(trimBoth(ifNull(case_number, '')))) AS no_case,
    countIf(empty(trimBoth(ifNull(crime_type, '')))) AS no_crime,
    countIf(empty(trimBoth(ifNull(approved_by, '')))) AS no_approval
FROM frwatch.counted_searches
WHERE (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM frwatch.rollup_open)
GROUP BY agency_id, day, unit
COMMENT 'How many searches each unit ran on each day (UTC), by agency, and how many of these do not say what an audit asks for.';

-- All documents are made anew.
INSERT INTO frwatch.rollup_marks (agency_id, day, marked_at)
SELECT agency_id, day, now64(6, 'UTC') FROM frwatch.rollup_marks GROUP BY agency_id, day;

ALTER TABLE frwatch.units_by_day
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN no_case 'How many of these name no case, or a blank.',
    COMMENT COLUMN no_crime 'How many of these name no type of crime, or a blank.',
    COMMENT COLUMN no_approval 'How many of these name nobody who approved them, or a blank.';

ALTER TABLE frwatch.rollup_told
    COMMENT COLUMN day 'Day of the search, UTC.',
    COMMENT COLUMN kinds 'The kinds of its outcomes, gravest first, each once.',
    COMMENT COLUMN faces 'Age band, race and gender of each whom an outcome of action concerned; null where it is not stated.';

ALTER TABLE frwatch.faces_by_day
    COMMENT COLUMN age_band 'Age of the person whom it concerned, as a band such as 25-34; null where it is not stated.',
    COMMENT COLUMN race 'Race of that person, as the agency records it; null where it is not stated.',
    COMMENT COLUMN gender 'Gender of that person, as the agency records it; null where it is not stated.',
    COMMENT COLUMN matches 'How many rows of frwatch.counted_searches.';

ALTER TABLE frwatch.told_by_day
    COMMENT COLUMN kinds 'The kinds of their outcomes, gravest first, each once.',
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN people 'Hashes of the pseudonyms of who ran them: one for each of these searches that names somebody.',
    COMMENT COLUMN cases 'Hashes of the numbers of their cases: one for each of these searches that names a case.';
