-- What came of the searches in each class of service: how many by the gravest outcome told?
-- param agency=lapd
WITH
    ['EXONERATION', 'CONVICTION', 'CHARGE', 'ARREST', 'IDENTIFICATION', 'LEAD', 'NO_LEAD', 'UNKNOWN'] AS gravest,
    ran AS
    (
        SELECT provider_class AS class, person, sum(p.searches) AS searches FROM frwatch.people_by_month AS p
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
    untold AS
    (
        -- Of each person's searches all but those that are told of.
        SELECT class, person, sum(times) AS times
        FROM
        (
            SELECT class, person, toInt64(searches) AS times FROM ran
            UNION ALL
            SELECT class, arrayJoin(people) AS person, toInt64(-1) AS times FROM told
        )
        GROUP BY class, person
    ),
    counted AS
    (
        -- What is told of is taken from all that there are.
        SELECT
            class, arrayJoin([worst, '']) AS outcome, if(outcome = '', -searches, searches) AS searches,
            if(outcome = '', 0, people) AS people
        FROM by_outcome
        UNION ALL
        SELECT provider_class AS class, '' AS outcome, toInt64(sum(d.searches)) AS searches, 0 AS people
        FROM frwatch.searches_by_day AS d
        WHERE evidence = 'SEARCH' AND provider_class != 'not_fr' AND ({agency:String} = '' OR agency_id = {agency:String})
        GROUP BY class
        UNION ALL
        SELECT class, '' AS outcome, toInt64(0) AS searches, countIf(times > 0) AS people FROM untold GROUP BY class
    )
SELECT
    class,
    if(c.outcome = '', 'nothing told', lower(replaceAll(c.outcome, '_', ' '))) AS outcome,
    toUInt64(sum(c.searches)) AS searches,
    sum(c.people) AS people
FROM counted AS c
GROUP BY class, c.outcome
HAVING searches > 0
ORDER BY class, c.outcome = '', indexOf(gravest, c.outcome)
