-- Which image was searched again and again, by how many people, in how many services and agencies?
WITH often AS
(
    -- Hashes of eight bytes instead of the whole ones: there are nearly as many as searches.
    SELECT cityHash64(assumeNotNull(probe_hash)) AS probe_key, count() AS times
    FROM frwatch.counted_searches WHERE isNotNull(probe_hash)
    GROUP BY probe_key HAVING times > 1 ORDER BY times DESC LIMIT 40 WITH TIES
)
SELECT
    left(assumeNotNull(probe_hash), 12) AS probe,
    count() AS searches,
    uniqExact(officer) AS people,
    uniqExact(agency_id) AS agencies,
    arrayStringConcat(arraySort(groupUniqArray(ifNull(provider_id, 'in no catalogue'))), ', ') AS services,
    uniqExact(case_number) AS cases,
    dateDiff('day', min(occurred_at), max(occurred_at)) AS over_days
FROM frwatch.counted_searches
WHERE isNotNull(probe_hash) AND cityHash64(assumeNotNull(probe_hash)) IN (SELECT probe_key FROM often)
GROUP BY probe_hash
HAVING searches > 1
ORDER BY searches DESC, people DESC, probe
LIMIT 40
