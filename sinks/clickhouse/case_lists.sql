-- The list of the cases of `slice` that were searched most, as of `settled_at`; `room` says how many.
INSERT INTO frwatch.rollup_case_lists
(
    slice, run, settled_at, floor, `cases.agency_id`, `cases.case_number`, `cases.days`, `cases.searches`
)
WITH ranked AS
(
    -- All copies are counted, in a third of the time: where a search has several, they are more, and the floor is higher.
    -- How much room a case takes and all that have more: a day for each search, but hardly more than three years of them.
    SELECT case_key, n, sum(least(n, 1000)) OVER (ORDER BY n DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS taken
    FROM
    (
        SELECT cityHash64(agency_id, assumeNotNull(case_number)) AS case_key, count() AS n
        FROM frwatch.searches_raw
        WHERE NOT superseded AND evidence = 'SEARCH' AND provider_class != 'not_fr' AND notEmpty(ifNull(case_number, ''))
            AND case_key % 16 = {slice:UInt8}
        GROUP BY case_key HAVING n > 1
    )
),
(SELECT (groupArrayIf(case_key, taken <= {room:UInt64}), greatest(1, maxIf(n, taken > {room:UInt64}))) FROM ranked) AS chosen
SELECT
    {slice:UInt8}, {run:UInt64}, {settled_at:DateTime64(6, 'UTC')}, chosen.2,
    groupArray(agency_id), groupArray(case_number), groupArray(days), groupArray(searches)
FROM
(
    SELECT agency_id, case_number, groupArray(day) AS days, groupArray(n) AS searches
    FROM
    (
        SELECT agency_id, assumeNotNull(case_number) AS case_number, toDate32(occurred_at) AS day, count() AS n
        FROM frwatch.searches_raw AS s FINAL
        WHERE NOT superseded AND evidence = 'SEARCH' AND provider_class != 'not_fr' AND notEmpty(ifNull(s.case_number, ''))
            AND cityHash64(agency_id, assumeNotNull(s.case_number)) IN (SELECT arrayJoin(chosen.1))
        GROUP BY agency_id, case_number, day
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
    GROUP BY agency_id, case_number
    -- In this order it takes the least room on disk.
    ORDER BY agency_id, case_number
)
