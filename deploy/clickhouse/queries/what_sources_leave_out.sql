-- Which sources do not say who searched, where, for which case, and with what result?
SELECT
    source,
    evidence AS sign,
    count() AS events,
    countIf(isNull(officer)) AS no_person,
    countIf(isNull(provider) AND isNull(endpoint)) AS no_service,
    countIf(isNull(case_number)) AS no_case,
    countIf(isNull(candidates)) AS no_result,
    countIf(isNull(probe_hash)) AS no_image_hash
FROM frwatch.searches
GROUP BY source, sign
ORDER BY events DESC, source, sign
LIMIT 40
