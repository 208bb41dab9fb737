-- The list of the probes of `slice` that were searched most, as of `settled_at`; `room` says how many.
INSERT INTO frwatch.rollup_probe_lists
(
    slice, run, settled_at, floor, `probes.probe_hash`, `probes.agency_id`, `probes.day`, `probes.searches`,
    `probes.people`, `probes.cases`, `probes.services`, `probes.first_at`, `probes.last_at`
)
WITH ranked AS
(
    -- All copies are counted, in a third of the time: where a search has several, they are more, and the floor is higher.
    -- How much room a probe takes and all that have more: a day for each search, but hardly more than three years of them.
    SELECT probe_key, n, sum(least(n, 1000)) OVER (ORDER BY n DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS taken
    FROM
    (
        SELECT cityHash64(assumeNotNull(probe_hash)) AS probe_key, count() AS n
        FROM frwatch.searches_raw
        WHERE NOT superseded AND evidence = 'SEARCH' AND provider_class != 'not_fr' AND isNotNull(probe_hash)
            AND probe_key % 8 = {slice:UInt8}
        GROUP BY probe_key HAVING n > 1
    )
),
(SELECT (groupArrayIf(probe_key, taken <= {room:UInt64}), greatest(1, maxIf(n, taken > {room:UInt64}))) FROM ranked) AS chosen
SELECT
    {slice:UInt8}, {run:UInt64}, {settled_at:DateTime64(6, 'UTC')}, chosen.2,
    groupArray(probe_hash), groupArray(agency_id), groupArray(day), groupArray(n), groupArray(people), groupArray(cases),
    groupArray(services), groupArray(first_at), groupArray(last_at)
FROM
(
    SELECT
        assumeNotNull(probe_hash) AS probe_hash, agency_id, toDate32(occurred_at) AS day, count() AS n,
        groupUniqArrayIf(cityHash64(assumeNotNull(officer)), isNotNull(officer)) AS people,
        groupUniqArrayIf(cityHash64(assumeNotNull(case_number)), isNotNull(case_number)) AS cases,
        groupUniqArray(ifNull(toString(provider_id), '')) AS services,
        min(occurred_at) AS first_at, max(occurred_at) AS last_at
    FROM frwatch.searches_raw AS s FINAL
    -- By what is the same in all copies, before the other columns are read.
    PREWHERE (agency_id, toDate32(occurred_at), event_id) IN
    (
        SELECT agency_id, toDate32(occurred_at), event_id FROM frwatch.searches_raw
        WHERE cityHash64(assumeNotNull(probe_hash)) IN (SELECT arrayJoin(chosen.1))
    )
    WHERE NOT superseded AND evidence = 'SEARCH' AND provider_class != 'not_fr' AND isNotNull(s.probe_hash)
        AND cityHash64(assumeNotNull(s.probe_hash)) IN (SELECT arrayJoin(chosen.1))
    GROUP BY probe_hash, agency_id, day
    -- In this order it takes the least room on disk.
    ORDER BY probe_hash, agency_id, day
    SETTINGS do_not_merge_across_partitions_select_final = 1
)
