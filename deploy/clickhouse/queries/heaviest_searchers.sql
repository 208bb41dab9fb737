-- Which people search far more than others of their agency?
-- param agency=
WITH people AS
(
    SELECT agency_id AS agency, officer, count() AS searches, uniqExact(toDate(occurred_at)) AS days
    FROM frwatch.counted_searches
    WHERE isNotNull(officer) AND ({agency:String} = '' OR agency_id = {agency:String})
    GROUP BY agency, officer
)
SELECT
    p.agency AS of_agency,
    left(p.officer, 12) AS person,
    p.searches AS run,
    p.days AS on_days,
    t.typical AS typical_there,
    round(run / typical_there, 1) AS times_typical
FROM people AS p
INNER JOIN (SELECT agency, quantileExactLow(0.5)(searches) AS typical FROM people GROUP BY agency) AS t ON t.agency = p.agency
ORDER BY times_typical DESC, run DESC, person
LIMIT 20
