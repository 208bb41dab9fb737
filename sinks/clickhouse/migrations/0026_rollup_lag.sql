-- How far what is counted ahead is behind, for operators: answers are right all the same, and slower.

CREATE VIEW IF NOT EXISTS frwatch.rollup_lag SQL SECURITY INVOKER AS
WITH
    -- A slice of a list is made anew where it is so old and something was touched since (sinks/clickhouse/most.py).
    assumeNotNull((SELECT (min(marked_at), max(marked_at)) FROM frwatch.rollup_search_marks)) AS touched,
    touched.2 > made_at - INTERVAL 30 SECOND AND made_at < now64(6, 'UTC') - INTERVAL 6 HOUR
        AND touched.2 > toDateTime64(0, 6, 'UTC') AS due
SELECT
    kind, owed, if(owed > 0, oldest, NULL) AS owed_since,
    if(owed > 0, dateDiff('second', oldest, now64(6, 'UTC')), 0) AS lag_seconds
FROM
(
    SELECT 'days' AS kind, countIf(NOT counts) AS owed, minIf(marked_at, NOT counts) AS oldest FROM frwatch.rollup_states
    UNION ALL
    SELECT 'outcomes', count(), min(marked_at) FROM frwatch.rollup_outcome_marks
    WHERE marked_at > (SELECT max(through) FROM frwatch.rollup_outcome_watermarks)
    UNION ALL
    SELECT 'months', countIf(NOT counts), minIf(marked_at, NOT counts) FROM frwatch.rollup_month_states
    UNION ALL
    SELECT kind, countIf(due), minIf(greatest(made_at, touched.1), due)
    FROM
    (
        SELECT kind, slice, max(settled_at) AS made_at
        FROM
        (
            SELECT 'cases' AS kind, toUInt8(number) AS slice, toDateTime64(0, 6, 'UTC') AS settled_at FROM numbers(16)
            UNION ALL
            SELECT 'probes', toUInt8(number), toDateTime64(0, 6, 'UTC') FROM numbers(8)
            UNION ALL
            SELECT 'cases', slice, settled_at FROM frwatch.rollup_case_lists
            UNION ALL
            SELECT 'probes', slice, settled_at FROM frwatch.rollup_probe_lists
        )
        GROUP BY kind, slice
    )
    GROUP BY kind
)
COMMENT 'How far what is counted ahead is behind. Answers are right whatever it says: what is owed is counted from the tables with each question, which takes longer. Normal are a minute for days and outcomes, some hours for months, and seven for cases and probes.';

ALTER TABLE frwatch.rollup_lag
    COMMENT COLUMN kind 'What is counted ahead: days, outcomes and months, or the cases and probes that were searched most.',
    COMMENT COLUMN owed 'How many have to be made anew: days or months of agencies, outcomes whose search''s day is to be counted, or slices of lists.',
    COMMENT COLUMN owed_since 'Of these, the one that was touched (of lists: made) longest ago: when that was last, UTC; null where nothing is owed.',
    COMMENT COLUMN lag_seconds 'How many seconds ago that was; 0 where nothing is owed.';
