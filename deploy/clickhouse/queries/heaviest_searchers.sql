-- Which people search far more than others of their agency?
-- param agency=
WITH
    months AS
    (
        -- People are known by hashes of their pseudonyms; days are bits.
        SELECT agency_id AS agency, person, month, sum(m.searches) AS run, groupBitOr(m.days) AS on_days
        FROM frwatch.people_by_month AS m
        WHERE {agency:String} = '' OR agency_id = {agency:String}
        GROUP BY agency, person, month
    ),
    people AS
    (
        SELECT agency, person, sum(run) AS searches, sum(bitCount(on_days)) AS days, max((month, on_days)) AS last
        FROM months GROUP BY agency, person
    ),
    most AS
    (
        SELECT
            agency, person, searches, days, quantileExactLow(0.5)(searches) OVER (PARTITION BY agency) AS typical,
            round(searches / typical, 1) AS times_typical,
            makeDate32(intDiv(last.1, 100), last.1 % 100, bitPositionsToArray(last.2)[-1] + 1) AS last_day
        FROM people
        ORDER BY times_typical DESC, searches DESC LIMIT 20 WITH TIES
    )
SELECT
    m.agency AS of_agency,
    left(n.pseudonym, 12) AS person,
    m.searches AS run,
    m.days AS on_days,
    m.typical AS typical_there,
    m.times_typical AS times_typical
FROM most AS m
INNER JOIN
(
    -- The last day of each has the pseudonym.
    SELECT agency_id AS agency, cityHash64(assumeNotNull(officer)) AS person, any(assumeNotNull(officer)) AS pseudonym
    FROM frwatch.counted_searches
    WHERE isNotNull(officer) AND (agency_id, toDate32(occurred_at)) IN (SELECT agency, last_day FROM most)
    GROUP BY agency, person
) AS n ON n.agency = m.agency AND n.person = m.person
ORDER BY times_typical DESC, run DESC, person
LIMIT 20
