-- Which sources do not say who searched, where, for which case, and with what result?
SELECT
    source,
    evidence AS sign,
    sum(events) AS events,
    sum(no_person) AS no_person,
    sum(no_service) AS no_service,
    sum(no_case) AS no_case,
    sum(no_result) AS no_result,
    sum(no_image_hash) AS no_image_hash
FROM frwatch.sources_by_day
GROUP BY source, sign
ORDER BY events DESC, source, sign
LIMIT 40
