-- Which records could not be stored and were not sent again since, and why?
SELECT
    reason,
    arrayElement(splitByChar('.', kafka_topic), -1) AS topic,
    count() AS records,
    countIf(notEmpty(headers['withheld'])) AS kept_as_a_hash,
    sum(length(value)) AS bytes_kept
FROM frwatch.dead_letters
WHERE (kafka_topic, kafka_partition, kafka_offset, received_at) NOT IN
    (SELECT kafka_topic, kafka_partition, kafka_offset, received_at FROM frwatch.redrives)
GROUP BY reason, topic
ORDER BY records DESC, reason, topic
