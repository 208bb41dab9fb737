-- Whose faces were searched: booking photos, driver licences, the web?
-- param agency=
SELECT
    agency_id AS agency,
    ifNull(kind, 'not stated') AS kind_of_gallery,
    sum(g.searches) AS searches,
    uniqExactArray(g.people) AS people
FROM frwatch.galleries_by_month AS g
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, kind_of_gallery
ORDER BY searches DESC, agency, kind_of_gallery
LIMIT 40
