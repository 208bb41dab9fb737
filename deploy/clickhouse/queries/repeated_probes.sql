-- Which image was searched again and again, by how many people, in how many services and agencies?
WITH often AS
(
    SELECT probe_key, sum(searches) AS times FROM frwatch.repeated_probes
    GROUP BY probe_key HAVING times > 1 ORDER BY times DESC LIMIT 40 WITH TIES
)
SELECT
    any(p.probe) AS probe,
    sum(p.searches) AS searches,
    sum(p.people) AS people,
    uniqExact(agency_id) AS agencies,
    arrayStringConcat(arraySort(arrayMap(each -> if(each = '', 'in no catalogue', each), groupUniqArrayArray(p.services))), ', ') AS services,
    sum(p.cases) AS cases,
    dateDiff('day', min(first_at), max(last_at)) AS over_days
FROM frwatch.repeated_probes AS p
WHERE probe_key IN (SELECT probe_key FROM often)
GROUP BY probe_key
ORDER BY searches DESC, people DESC, probe
LIMIT 40
