-- Which image was searched again and again, by how many people, in how many services and agencies?
SELECT
    left(probe_hash, 12) AS probe,
    sum(m.searches) AS searches,
    uniqExactArray(m.people) AS people,
    uniqExact(agency_id) AS agencies,
    arrayStringConcat(arraySort(arrayMap(each -> if(each = '', 'in no catalogue', each), groupUniqArrayArray(m.services))), ', ') AS services,
    uniqExactArray(m.cases) AS cases,
    dateDiff('day', min(first_at), max(last_at)) AS over_days
FROM frwatch.most_searched_probes AS m
GROUP BY probe_hash
HAVING searches > 1
ORDER BY searches DESC, people DESC, probe
LIMIT 40
