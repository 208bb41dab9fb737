-- What came of one in eight of the searches that arrived from `first` to `end`.
INSERT INTO frwatch.outcomes_raw
(
    outcome_id, event_id, agency_id, case_number, recorded_at, kind, age_band, race, gender, ingested_at, kafka_topic,
    kafka_partition, kafka_offset
)
SELECT
    reinterpret(sipHash128(event_id, 1), 'UUID'),
    if(cityHash64(event_id, 3) % 20 = 0, NULL, event_id), agency_id, case_number, occurred_at + toIntervalDay(2),
    ['NO_LEAD', 'NO_LEAD', 'NO_LEAD', 'LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE'][1 + cityHash64(event_id, 4) % 7],
    ['18-24', '25-34', '35-44', NULL][1 + cityHash64(event_id, 5) % 4], ['black', 'white', 'hispanic', NULL][1 + cityHash64(event_id, 6) % 4],
    ['male', 'female', NULL][1 + cityHash64(event_id, 7) % 3], ingested_at + toIntervalDay(2), 'fr.outcomes', kafka_partition,
    kafka_offset
FROM frwatch.searches_raw
WHERE ingested_at >= {first:DateTime64(6, 'UTC')} AND ingested_at < {end:DateTime64(6, 'UTC')}
    AND evidence = 'SEARCH' AND cityHash64(event_id) % 8 = 0
