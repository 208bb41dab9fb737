-- What came of the searches in each class of service: how many by the gravest outcome told?
-- param agency=lapd
WITH
    ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'] AS gravest,
    told AS
    (
        SELECT event_id, groupUniqArray(kind) AS kinds FROM frwatch.search_outcomes
        WHERE counted AND ({agency:String} = '' OR agency_id = {agency:String}) GROUP BY event_id
    ),
    of_searches AS
    (
        SELECT s.provider_class AS class, s.officer AS officer, arrayFirst(kind -> has(t.kinds, kind), gravest) AS worst
        FROM frwatch.counted_searches AS s LEFT JOIN told AS t ON t.event_id = s.event_id
        WHERE {agency:String} = '' OR s.agency_id = {agency:String}
    )
SELECT
    class,
    if(worst = '', 'nothing told', lower(replaceAll(worst, '_', ' '))) AS outcome,
    count() AS searches,
    uniqExact(officer) AS people
FROM of_searches
GROUP BY class, worst
ORDER BY class, worst = '', indexOf(gravest, worst)
