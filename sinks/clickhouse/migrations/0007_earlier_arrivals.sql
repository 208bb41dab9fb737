-- Searches that were stored before their arrivals were written down: a copy of one of them may come any day.  The hashes
-- are made as in search_arrivals_of_searches.  To run this again, where it was cut off, is harmless: a copy that stands
-- there twice says the same twice.

INSERT INTO frwatch.search_arrivals
SELECT
    kafka_topic, kafka_partition, kafka_offset, event_id, agency_id, occurred_at, ingested_at,
    cityHash64(tuple(
        occurred_at, evidence, source, source_version, agency_id, officer, unit, requesting_agency_id,
        requester, requester_domain, request_ref, provider, endpoint, account, galleries, case_number,
        crime_type, purpose, legal_basis, probe_hash, probe_kind, candidates, top_score, training_cert,
        approved_by, client_ip, user_agent, mapSort(attributes)
    )) AS content,
    cityHash64(broken_rules) AS judged
FROM frwatch.searches_raw
WHERE NOT superseded AND ingested_at <
(
    SELECT if(count() = 0, toDateTime64('2299-12-31 00:00:00', 6, 'UTC'), min(ingested_at))
    FROM frwatch.search_arrivals
);
