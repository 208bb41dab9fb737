-- What is stored: rows, and how many of them are distinct.
SELECT 'searches' AS what, count() AS stored, uniqExact(event_id) AS distinct FROM frwatch.searches
UNION ALL
SELECT 'violations', count(), uniqExact(event_id, policy_id, rule_id) FROM frwatch.violations
UNION ALL
SELECT 'outcomes', count(), uniqExact(outcome_id) FROM frwatch.outcomes
UNION ALL
SELECT 'dead_letters', count(), uniqExact(kafka_topic, kafka_partition, kafka_offset) FROM frwatch.dead_letters
