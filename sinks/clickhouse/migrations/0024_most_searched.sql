-- Which cases, and which probes, were searched most: over a state's year that groups nearly as many of them as there are
-- searches, and took seven and fourteen seconds.
--
-- Lists of the most with a proof.  Now and then all cases and all probes are counted, and of those with the most searches
-- it is kept how many there were on each day (sinks/clickhouse/most.py).  A list says its floor too: what is not on it had
-- no more searches than that.  Days that were touched since are counted from the tables, all others are as they were; so
-- what is on a list is known for certain, and of all else how many searches it has at the most.  Where the last that is
-- asked for has more than that, the answer is proven; where not, all are counted as ever.  Thus an answer is right at every
-- moment, whatever is resent, superseded, removed or expunged.

CREATE TABLE IF NOT EXISTS frwatch.rollup_case_lists
(
    slice UInt8 COMMENT 'Which cases it is about: those whose cityHash64(agency_id, case_number) % 16 is this.',
    run UInt64 COMMENT 'Rises with settled_at: of the lists of a slice the highest counts.',
    settled_at DateTime64(6, 'UTC') COMMENT 'When it was begun, by the engine''s clock, UTC.',
    floor UInt64 COMMENT 'No case of the slice that is not listed had more searches than this then.',
    `cases.agency_id` Array(LowCardinality(String)) COMMENT 'Of each case that is listed: the agency.',
    `cases.case_number` Array(String) COMMENT 'Its number.',
    `cases.days` Array(Array(Date32)) COMMENT 'The days on which it was searched, UTC.',
    `cases.searches` Array(Array(UInt64)) COMMENT 'For each of these days, how many rows of frwatch.counted_searches.'
)
ENGINE = ReplacingMergeTree(run)
-- Each slice is read by itself, and merged as soon as it is made anew.
PARTITION BY slice
ORDER BY slice
SETTINGS non_replicated_deduplication_window = 1000, min_age_to_force_merge_seconds = 600
COMMENT 'The cases that were searched most. Query frwatch.case_counts instead.';

CREATE TABLE IF NOT EXISTS frwatch.rollup_probe_lists
(
    slice UInt8 COMMENT 'Which probes it is about: those whose cityHash64(probe_hash) % 8 is this.',
    run UInt64 COMMENT 'Rises with settled_at: of the lists of a slice the highest counts.',
    settled_at DateTime64(6, 'UTC') COMMENT 'When it was begun, by the engine''s clock, UTC.',
    floor UInt64 COMMENT 'No probe of the slice that is not listed had more searches than this then.',
    `probes.probe_hash` Array(String) COMMENT 'Of each probe that is listed, by agency and day: its hash.',
    `probes.agency_id` Array(LowCardinality(String)) COMMENT 'The agency.',
    `probes.day` Array(Date32) COMMENT 'The day of the searches, UTC.',
    `probes.searches` Array(UInt64) COMMENT 'How many rows of frwatch.counted_searches.',
    `probes.people` Array(Array(UInt64)) COMMENT 'Hashes of the pseudonyms of who ran them, each once.',
    `probes.cases` Array(Array(UInt64)) COMMENT 'Hashes of the numbers of the cases that they name, each once.',
    `probes.services` Array(Array(String)) COMMENT 'The providers, each once; an empty text for a service in no catalogue.',
    `probes.first_at` Array(DateTime64(6, 'UTC')) COMMENT 'When the first of them ran, UTC.',
    `probes.last_at` Array(DateTime64(6, 'UTC')) COMMENT 'When the last of them ran, UTC.'
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY slice
ORDER BY slice
SETTINGS non_replicated_deduplication_window = 1000, min_age_to_force_merge_seconds = 600
COMMENT 'The probes that were searched most. Query frwatch.most_searched_probes instead.';

CREATE VIEW IF NOT EXISTS frwatch.rollup_lists SQL SECURITY INVOKER AS
SELECT
    kind, floor, settled_at,
    -- Where more than an eighth of all days was touched, counting all is as quick.
    made = slices AND countIf(marks.marked_at > settled_at - toIntervalSecond(30)) * 8 <= count() AS counts
FROM
(
    SELECT 'cases' AS kind, 16 AS slices, uniqExact(slice) AS made, max(floor) AS floor, min(settled_at) AS settled_at
    FROM frwatch.rollup_case_lists FINAL
    UNION ALL
    SELECT 'probes' AS kind, 8 AS slices, uniqExact(slice) AS made, max(floor) AS floor, min(settled_at) AS settled_at
    FROM frwatch.rollup_probe_lists FINAL
) AS lists
CROSS JOIN frwatch.rollup_search_marks AS marks
GROUP BY kind, slices, made, floor, settled_at
COMMENT 'Which lists of what was searched most there are, and whether they count.';

CREATE VIEW IF NOT EXISTS frwatch.case_counts SQL SECURITY INVOKER AS
WITH
-- Whether it counts, what was touched since when, and the floor. Nobody who sees rows of some agencies sees a list.
(
    SELECT (max(counts), max(settled_at) - toIntervalSecond(30), max(floor))
    FROM frwatch.rollup_lists WHERE kind = 'cases'
) AS list,
touched AS (SELECT agency_id, day FROM frwatch.rollup_search_marks WHERE list.1 AND marked_at > list.2)
SELECT
    agency_id, case_number, old.searches + new.searches AS at_least, at_least + if(old.listed, 0, others_at_most) AS at_most,
    assumeNotNull(list.3) AS others_at_most, arrayConcat(old.days, new.days) AS days
FROM
(
    SELECT
        agency_id, case_number, true AS listed,
        arrayFilter(day -> (agency_id, day) NOT IN (SELECT agency_id, day FROM touched), listed_days) AS days,
        arraySum((day, n) -> if((agency_id, day) IN (SELECT agency_id, day FROM touched), 0, n), listed_days, listed_searches)
            AS searches
    FROM frwatch.rollup_case_lists FINAL
    ARRAY JOIN
        cases.agency_id AS agency_id, cases.case_number AS case_number, cases.days AS listed_days,
        cases.searches AS listed_searches
    WHERE list.1
    SETTINGS do_not_merge_across_partitions_select_final = 1
) AS old
FULL JOIN
(
    SELECT
        agency_id, assumeNotNull(s.case_number) AS case_number, count() AS searches,
        groupUniqArray(toDate32(occurred_at)) AS days
    FROM frwatch.counted_searches AS s
    WHERE notEmpty(ifNull(s.case_number, ''))
        AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM touched)
    GROUP BY agency_id, case_number
) AS new
USING (agency_id, case_number)
COMMENT 'Of the cases that were searched most, between which bounds the count of their searches is. Where it is empty, nothing is known of any. Ask for those with the highest at_most: where all of them have it for certain, no other case has more.';

CREATE VIEW IF NOT EXISTS frwatch.most_searched_probes SQL SECURITY INVOKER AS
WITH
(
    SELECT (max(counts), max(settled_at) - toIntervalSecond(30), max(floor))
    FROM frwatch.rollup_lists WHERE kind = 'probes'
) AS list,
touched AS (SELECT agency_id, day FROM frwatch.rollup_search_marks WHERE list.1 AND marked_at > list.2),
listed AS
(
    SELECT probe_hash, agency_id, day, searches, people, cases, services, first_at, last_at
    FROM frwatch.rollup_probe_lists FINAL
    ARRAY JOIN
        probes.probe_hash AS probe_hash, probes.agency_id AS agency_id, probes.day AS day, probes.searches AS searches,
        probes.people AS people, probes.cases AS cases, probes.services AS services, probes.first_at AS first_at,
        probes.last_at AS last_at
    WHERE list.1
    SETTINGS do_not_merge_across_partitions_select_final = 1
),
known AS
(
    SELECT probe_hash, agency_id, searches, people, cases, services, first_at, last_at, true AS is_listed
    FROM listed WHERE (agency_id, day) NOT IN (SELECT agency_id, day FROM touched)
    UNION ALL
    SELECT
        assumeNotNull(s.probe_hash) AS probe_hash, agency_id, count() AS searches,
        groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people,
        groupUniqArrayIf(cityHash64(assumeNotNull(case_number)), isNotNull(case_number)) AS cases,
        groupUniqArray(ifNull(toString(provider_id), '')) AS services, min(occurred_at) AS first_at,
        max(occurred_at) AS last_at, probe_hash IN (SELECT probe_hash FROM listed) AS is_listed
    FROM frwatch.counted_searches AS s
    WHERE isNotNull(s.probe_hash) AND (agency_id, toDate32(occurred_at)) IN (SELECT agency_id, day FROM touched)
    GROUP BY probe_hash, agency_id
),
-- Whether the hundredth has more searches than any that is not listed: these have no more than the floor and what came.
(
    SELECT arrayReverseSort(groupArrayIf(times, is_listed))[100] > list.3 + maxIf(times, NOT is_listed)
    FROM (SELECT probe_hash, any(is_listed) AS is_listed, sum(searches) AS times FROM known GROUP BY probe_hash)
) AS proven
SELECT probe_hash, agency_id, searches, people, cases, services, first_at, last_at FROM known WHERE proven AND is_listed
UNION ALL
SELECT
    assumeNotNull(s.probe_hash) AS probe_hash, agency_id, count() AS searches,
    groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people,
    groupUniqArrayIf(cityHash64(assumeNotNull(case_number)), isNotNull(case_number)) AS cases,
    groupUniqArray(ifNull(toString(provider_id), '')) AS services, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM frwatch.counted_searches AS s
WHERE NOT proven AND isNotNull(s.probe_hash) AND cityHash64(assumeNotNull(s.probe_hash)) IN
(
    -- Hashes of eight bytes instead of the whole ones: there are nearly as many as searches.
    SELECT cityHash64(assumeNotNull(s.probe_hash)) AS probe_key
    FROM frwatch.counted_searches AS s WHERE NOT proven AND isNotNull(s.probe_hash)
    GROUP BY probe_key HAVING count() > 1 ORDER BY count() DESC LIMIT 100 WITH TIES
)
GROUP BY probe_hash, agency_id
COMMENT 'Of the probes that were searched more than once those that were searched most, a hundred or more, with all their searches, by agency and perhaps by day. Of each probe_hash: sum(searches), uniqExactArray(people), uniqExactArray(cases).';

ALTER TABLE frwatch.rollup_lists
    COMMENT COLUMN kind 'Of what it is: cases or probes.',
    COMMENT COLUMN floor 'What is not listed had no more searches than this.',
    COMMENT COLUMN settled_at 'When it was begun, UTC: what was touched since, or in the 30 seconds before, is counted from the tables.',
    COMMENT COLUMN counts 'Whether it is whole, and young enough to be quicker than counting all.';

ALTER TABLE frwatch.case_counts
    COMMENT COLUMN at_least 'How many rows of frwatch.counted_searches it has for certain.',
    COMMENT COLUMN at_most 'How many it has at the most.',
    COMMENT COLUMN others_at_most 'How many cases have at the most that are not here.',
    COMMENT COLUMN days 'The days, UTC, on which it was searched as far as is known: all of them where at_least is at_most.';

ALTER TABLE frwatch.most_searched_probes
    COMMENT COLUMN searches 'How many rows of frwatch.counted_searches.',
    COMMENT COLUMN people 'Hashes of the pseudonyms of who ran them, each once.',
    COMMENT COLUMN cases 'Hashes of the numbers of the cases that they name, each once.',
    COMMENT COLUMN services 'The providers, each once; an empty text for a service in no catalogue.',
    COMMENT COLUMN first_at 'When the first of them ran, UTC.',
    COMMENT COLUMN last_at 'When the last of them ran, UTC.';
