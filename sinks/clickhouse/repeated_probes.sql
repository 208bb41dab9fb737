-- Documents of the probes that were touched after `after` and up to `through`, and are searched more than once.
INSERT INTO frwatch.rollup_probe_documents
    (probe_key, agency_id, run, probe, searches, people, cases, services, first_at, last_at, events)
WITH marks AS
(
    SELECT event, probe_key FROM frwatch.rollup_probe_marks
    WHERE marked_at > {after:DateTime64(6, 'UTC')} AND marked_at <= {through:DateTime64(6, 'UTC')}
),
touched AS
(
    SELECT probe_key FROM marks WHERE probe_key != 0
    UNION ALL
    SELECT probe_key FROM frwatch.rollup_probe_documents ARRAY JOIN events AS event
    WHERE event IN (SELECT event FROM marks)
),
-- Those that some copies name of more than one search. What else there is was searched once at the most.
again AS
(
    SELECT cityHash64(assumeNotNull(probe_hash)) AS probe_key FROM frwatch.searches_raw
    WHERE cityHash64(assumeNotNull(probe_hash)) IN (SELECT probe_key FROM touched) AND ifNull(probe_hash, '') != ''
    GROUP BY probe_key HAVING min(event_id) != max(event_id)
)
-- Whatever was counted before counts no more, where nothing below takes its place.
SELECT
    probe_key, agency_id, {run:UInt64} AS run, '' AS probe, 0 AS searches, 0 AS people, 0 AS cases,
    CAST([], 'Array(LowCardinality(String))') AS services, toDateTime64(0, 6, 'UTC') AS first_at,
    toDateTime64(0, 6, 'UTC') AS last_at, CAST([], 'Array(UInt64)') AS events
FROM frwatch.rollup_probe_documents AS d FINAL
WHERE d.searches > 0 AND probe_key IN (SELECT probe_key FROM touched)
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT probe_key, agency_id, {run:UInt64} + 1 AS run, probe, searches, people, cases, services, first_at, last_at, events
FROM
(
    SELECT *, sum(searches) OVER (PARTITION BY probe_key) AS everywhere
    FROM
    (
        SELECT
            cityHash64(assumeNotNull(probe_hash)) AS probe_key, agency_id,
            left(any(assumeNotNull(probe_hash)), 12) AS probe, count() AS searches, uniqExact(officer) AS people,
            uniqExact(case_number) AS cases,
            CAST(groupUniqArray(ifNull(provider_id, '')), 'Array(LowCardinality(String))') AS services,
            min(occurred_at) AS first_at, max(occurred_at) AS last_at, groupArray(cityHash64(event_id)) AS events
        FROM frwatch.searches_raw FINAL
        PREWHERE (agency_id, toDate32(occurred_at), event_id) IN
        (
            SELECT agency_id, toDate32(occurred_at), event_id FROM frwatch.searches_raw
            WHERE cityHash64(assumeNotNull(probe_hash)) IN (SELECT probe_key FROM again)
        )
        WHERE NOT superseded AND evidence = 'SEARCH' AND provider_class != 'not_fr' AND ifNull(probe_hash, '') != ''
            AND cityHash64(assumeNotNull(probe_hash)) IN (SELECT probe_key FROM again)
        GROUP BY probe_key, agency_id
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
)
WHERE everywhere > 1
