-- Whose faces were searched: booking photos, driver licences, the web?
-- param agency=
SELECT
    agency_id AS agency,
    arrayJoin(if(empty(gallery_kinds), ['not stated'], gallery_kinds)) AS kind_of_gallery,
    count() AS searches,
    uniqExact(officer) AS people
FROM frwatch.counted_searches
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, kind_of_gallery
ORDER BY searches DESC, agency, kind_of_gallery
LIMIT 40
