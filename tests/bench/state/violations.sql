-- The findings in searches that arrived from `first` to `end`.
INSERT INTO frwatch.violations_raw
(
    violation_id, event_id, occurred_at, detected_at, agency_id, officer, policy_id, policy_version, rule_id, severity,
    certainty, provider_id, requesting_agency_id, case_number, title, evidence, ingested_at, kafka_topic, kafka_partition,
    kafka_offset
)
WITH splitByChar('/', label) AS names
SELECT
    reinterpret(sipHash128(event_id, label, 1), 'UUID'),
    event_id, occurred_at, ingested_at, agency_id, officer, names[1], transform(names[1], {policies:Array(String)}, {versions:Array(String)}, ''), names[2],
    ['INFO', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'][1 + cityHash64(label) % 5],
    assumeNotNull(certainty), provider_id, requesting_agency_id, case_number, concat('Title of ', names[2]),
    map('provider_class', toString(provider_class)), ingested_at, kafka_topic, kafka_partition, kafka_offset
FROM frwatch.searches_raw ARRAY JOIN broken_rules AS label
WHERE ingested_at >= {first:DateTime64(6, 'UTC')} AND ingested_at < {end:DateTime64(6, 'UTC')}
