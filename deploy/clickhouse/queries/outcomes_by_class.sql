-- What came of the searches in each class of service: how many by the gravest outcome told?
-- param agency=lapd
WITH
    ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'] AS gravest,
    ran AS
    (
        SELECT provider_class AS class, cityHash64(officer) AS person, count() AS times
        FROM frwatch.counted_searches
        WHERE {agency:String} = '' OR agency_id = {agency:String}
        GROUP BY class, person
    ),
    told AS
    (
        SELECT
            provider_class AS class, arrayFirst(kind -> has(kinds, kind), gravest) AS worst, t.searches AS searches,
            t.people AS people
        FROM frwatch.told_by_day AS t
        WHERE worst != '' AND ({agency:String} = '' OR agency_id = {agency:String})
    ),
    by_outcome AS
    (
        SELECT class, worst, toInt64(sum(t.searches)) AS searches, uniqExactArray(t.people) AS people
        FROM told AS t GROUP BY class, worst
    ),
    by_person AS
    (
        -- Nothing is told of some searches of whoever ran more than are told of.
        SELECT class, person, sum(r.times) AS times, sum(r.untold) AS untold
        FROM
        (
            SELECT class, person, times, toInt64(times) AS untold FROM ran
            UNION ALL
            SELECT class, toNullable(arrayJoin(people)) AS person, 0 AS times, toInt64(-1) AS untold FROM told
        ) AS r
        GROUP BY class, person
    ),
    counted AS
    (
        SELECT class, '' AS outcome, toInt64(sum(times)) AS searches, countIf(untold > 0 AND isNotNull(person)) AS people
        FROM by_person GROUP BY class
        UNION ALL
        -- What is told of is taken from all.
        SELECT
            class, arrayJoin(['', worst]) AS outcome, if(outcome = '', -searches, searches) AS searches,
            if(outcome = '', 0, people) AS people
        FROM by_outcome
    )
SELECT
    class,
    if(worst = '', 'nothing told', lower(replaceAll(worst, '_', ' '))) AS outcome,
    toUInt64(sum(c.searches)) AS searches,
    sum(c.people) AS people
FROM (SELECT class, outcome AS worst, searches, people FROM counted) AS c
GROUP BY class, worst
HAVING searches > 0
ORDER BY class, worst = '', indexOf(gravest, worst)
