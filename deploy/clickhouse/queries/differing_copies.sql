-- Which searches were reported again with other content, and in which fields?
SELECT
    first_agency_id AS agency,
    arrayStringConcat(arraySort(fields), ', ') AS differs_in,
    count() AS copies,
    uniqExact(event_id) AS searches,
    countIf(notEmpty(broken_rules)) AS would_break_a_rule
FROM frwatch.search_differences
GROUP BY agency, differs_in
ORDER BY copies DESC, agency, differs_in
LIMIT 40
