-- Every table and column says what it holds: units, time zone, and what null means.  The columns of a view take the
-- comments of the table's columns of the same name (sinks/clickhouse/describe.py), unless they say their own here.

ALTER TABLE frwatch.searches_raw
    COMMENT COLUMN source_version 'Version of the client or collector; null where it does not say.',
    COMMENT COLUMN officer 'Keyed pseudonym of the person: HMAC-SHA-256 over agency and id, hex; null where nobody knows who it was.',
    COMMENT COLUMN unit 'Unit, division or station of the person, in the agency''s own words; null where it is not said.',
    COMMENT COLUMN requesting_agency_id 'The agency it was run for, where that is another; null where the client names none.',
    COMMENT COLUMN requester 'Keyed pseudonym of the person who asked, hex; null where the client names none.',
    COMMENT COLUMN requester_domain 'Domain of the requester''s e-mail address; null where the requester is none.',
    COMMENT COLUMN request_ref 'The request form or ticket; null where the client names none.',
    COMMENT COLUMN provider 'The service, as the client names it; null where it names none.',
    COMMENT COLUMN endpoint 'The host or URL that was reached, without credentials; null where it is not known.',
    COMMENT COLUMN account 'Whose account was used: agency, trial or personal; null where it is not known.',
    COMMENT COLUMN case_number 'Number of the case, in the agency''s own numbering; null where the search names none.',
    COMMENT COLUMN crime_type 'Suspected crime, in the agency''s own words; null where the search names none.',
    COMMENT COLUMN purpose 'Reason of the search, in the agency''s own words; null where the search gives none.',
    COMMENT COLUMN legal_basis 'Such as warrant, court order, emergency or consent; null where the search names none.',
    COMMENT COLUMN probe_hash 'Keyed hash of the probe image, hex; null where the client gives none. Never the image.',
    COMMENT COLUMN probe_kind 'Where the probe comes from, such as still, video or social; null where it is not said.',
    COMMENT COLUMN candidates 'How many candidates came back; null where it is not known, 0 where none did.',
    COMMENT COLUMN top_score 'Best similarity, as the service scales it: no two services compare; null where it is not known.',
    COMMENT COLUMN training_cert 'Number of the person''s certificate of training; null where the search names none.',
    COMMENT COLUMN approved_by 'Who approved the search, as the client writes it; null where nobody is named.',
    COMMENT COLUMN client_ip 'Address of the client, as the source has it; null where it is not known.',
    COMMENT COLUMN user_agent 'User agent of the client, as the source has it; null where it is not known.',
    COMMENT COLUMN outside_agency_id 'The agency that it was run for, where outside_agency is true; null else.',
    COMMENT COLUMN outside_agency_basis 'What named the outside agency: field (requesting_agency_id), domain (the requester''s e-mail address) or reference (the request form); null where there is none.',
    COMMENT COLUMN operator 'Who operates the service and its gallery; null for a service in no catalogue, or where the catalogue does not know.',
    COMMENT COLUMN endpoint_host 'Host of the endpoint, normalised; null where there is none.',
    COMMENT COLUMN provider_conflict 'The entry that the client''s own name gives, where the host gives another; null where they agree.',
    COMMENT COLUMN catalogue_version 'Version of the catalogue that named the provider: SHA-256, hex. What it said is in frwatch.providers.',
    COMMENT COLUMN policies_version 'Version of the set of policies that judged it: SHA-256, hex; empty where it was judged before the column was there. What they said is in frwatch.policies and frwatch.rules.',
    COMMENT COLUMN kafka_topic 'Topic that the search came on.',
    COMMENT COLUMN kafka_partition 'Partition of the topic.',
    COMMENT COLUMN kafka_offset 'Offset in the partition.',
    COMMENT COLUMN precedence 'Of the rows with one key the highest counts: it falls as ingested_at rises, in microseconds.';

ALTER TABLE frwatch.violations_raw
    COMMENT COLUMN event_id 'The search, as in searches.event_id.',
    COMMENT COLUMN officer 'Keyed pseudonym of the person, hex; null where nobody knows who it was.',
    COMMENT COLUMN policy_id 'The policy, as in frwatch.policies.',
    COMMENT COLUMN policy_version 'Version of the policy that found it: SHA-256 of its canonical form, hex. What it said is in frwatch.policies.',
    COMMENT COLUMN rule_id 'The rule of the policy, as in frwatch.rules.',
    COMMENT COLUMN provider_id 'Entry of the catalogue; null for a service in none.',
    COMMENT COLUMN requesting_agency_id 'The agency that the search was run for, where that is another; null where the client names none.',
    COMMENT COLUMN case_number 'Number of the case of the search; null where it names none.',
    COMMENT COLUMN kafka_topic 'Topic that the search came on.',
    COMMENT COLUMN kafka_partition 'Partition of the topic.',
    COMMENT COLUMN kafka_offset 'Offset in the partition.',
    COMMENT COLUMN precedence 'Of the rows with one key the highest counts: it falls as ingested_at rises, in microseconds.';

ALTER TABLE frwatch.outcomes_raw
    COMMENT COLUMN outcome_id 'Identity. A repeat of an outcome_id is the same outcome.',
    COMMENT COLUMN event_id 'The search, as in searches.event_id; null where agency_id and case_number name all searches of a case.',
    COMMENT COLUMN agency_id 'The agency that says it: an id of the agency register.',
    COMMENT COLUMN case_number 'Number of the case, in the agency''s own numbering; null where the outcome names none.',
    COMMENT COLUMN age_band 'Age of the person whom the match concerned, as a band such as 25-34; null where it is not said.',
    COMMENT COLUMN race 'Race of that person, as the agency records it; null where it is not said.',
    COMMENT COLUMN gender 'Gender of that person, as the agency records it; null where it is not said.',
    COMMENT COLUMN note 'What the agency says beyond that; null where it says nothing.',
    COMMENT COLUMN kafka_topic 'Topic that the outcome came on.',
    COMMENT COLUMN kafka_partition 'Partition of the topic.',
    COMMENT COLUMN kafka_offset 'Offset in the partition.',
    COMMENT COLUMN precedence 'Of the rows with one key the highest counts: it falls as ingested_at rises, in microseconds.';

ALTER TABLE frwatch.dead_letters_raw
    COMMENT COLUMN kafka_topic 'Topic that the record came on.',
    COMMENT COLUMN kafka_partition 'Partition of the topic.',
    COMMENT COLUMN kafka_offset 'Offset in the partition.',
    COMMENT COLUMN precedence 'Of the rows with one key the highest counts: it falls as received_at rises, in microseconds.';

ALTER TABLE frwatch.redrives_raw
    COMMENT COLUMN kafka_partition 'Partition of the dead letter''s topic.',
    COMMENT COLUMN kafka_offset 'Offset in the partition.',
    COMMENT COLUMN new_partition 'Partition where it stands now; null where it is not known whether it was sent.',
    COMMENT COLUMN new_offset 'Offset where it stands now; null where it is not known whether it was sent.',
    COMMENT COLUMN version 'Of the rows with one key the highest counts: it rises with begun_at, and once it is known where it stands.';

ALTER TABLE frwatch.redrives
    COMMENT COLUMN became 'stored, dead (again), waiting (for a worker), or unknown where sending was cut off.';

ALTER TABLE frwatch.search_arrivals
    COMMENT COLUMN kafka_topic 'Where the copy stands.',
    COMMENT COLUMN kafka_partition 'Partition of the topic.',
    COMMENT COLUMN kafka_offset 'Offset in the partition.',
    COMMENT COLUMN event_id 'Identity of the search. A repeat of an event_id is the same event.',
    COMMENT COLUMN occurred_at 'When the search ran, as the copy says, UTC.';

ALTER TABLE frwatch.search_arrivals_of_searches MODIFY COMMENT 'Writes each copy of a search down in search_arrivals.';
ALTER TABLE frwatch.outcome_arrivals_of_outcomes MODIFY COMMENT 'Writes each copy of an outcome down in outcome_arrivals.';

ALTER TABLE frwatch.search_decisions
    COMMENT COLUMN event_id 'The search.',
    COMMENT COLUMN agency_id 'The agency of the copy that counts.',
    COMMENT COLUMN day 'The day of the copy that counts, UTC.',
    COMMENT COLUMN decided_at 'When it was decided, UTC.';

ALTER TABLE frwatch.search_differences_raw
    COMMENT COLUMN event_id 'The search.',
    COMMENT COLUMN kafka_partition 'Partition of the topic.',
    COMMENT COLUMN kafka_offset 'Offset in the partition.',
    COMMENT COLUMN occurred_at 'The time that the later copy gives, UTC.',
    COMMENT COLUMN first_agency_id 'The agency that the first copy names: as it counts.',
    COMMENT COLUMN first_occurred_at 'The time that the first copy gives, UTC: as it counts.',
    COMMENT COLUMN first_kafka_topic 'Where the first copy stands.',
    COMMENT COLUMN first_kafka_partition 'Partition of the first copy.',
    COMMENT COLUMN first_kafka_offset 'Offset of the first copy.';

ALTER TABLE frwatch.outcome_differences
    COMMENT COLUMN kafka_topic 'Where the later copy stands.',
    COMMENT COLUMN ingested_at 'When the later copy came, UTC.',
    COMMENT COLUMN agency_id 'The agency that the later copy names.',
    COMMENT COLUMN recorded_at 'When it was recorded, as the later copy says, UTC.',
    COMMENT COLUMN first_kafka_topic 'Where the first copy stands.',
    COMMENT COLUMN first_kafka_partition 'Partition of the first copy.',
    COMMENT COLUMN first_kafka_offset 'Offset of the first copy.',
    COMMENT COLUMN first_ingested_at 'When the first copy came, UTC.',
    COMMENT COLUMN first_agency_id 'The agency that the first copy names: as it counts.',
    COMMENT COLUMN first_recorded_at 'When it was recorded, as the first copy says, UTC: as it counts.',
    COMMENT COLUMN fields 'Columns of outcomes in which it differs from the first.';

ALTER TABLE frwatch.search_outcomes
    COMMENT COLUMN counted 'Whether it counts as a search: evidence SEARCH, in a service that matches faces.',
    COMMENT COLUMN ingested_at 'When the worker took the search from Kafka, UTC.',
    COMMENT COLUMN told_at 'When the worker took the outcome from Kafka, UTC.',
    COMMENT COLUMN told_of 'search where the outcome names the search, case where it names the case.';

ALTER TABLE frwatch.unreported_access
    COMMENT COLUMN lines 'How many lines of a log, or requests, are behind it; 0 where the source does not say.',
    COMMENT COLUMN duration_s 'Seconds from the first of them to the last; 0 where the source does not say.',
    COMMENT COLUMN identity 'By what the person is known; empty where the source does not say.',
    COMMENT COLUMN look_alike 'The host that it resembles; empty where it resembles none.';

ALTER TABLE frwatch.alert_attempts_raw
    COMMENT COLUMN follows 'The alert that a summary or an escalation follows; null for other kinds.',
    COMMENT COLUMN http_status 'What a webhook answered; null where there was no answer, or the destination is none.';

ALTER TABLE frwatch.alerts
    COMMENT COLUMN acknowledged_at 'When somebody first took it on, UTC; null where nobody has.',
    COMMENT COLUMN acknowledged_by 'Who took it on first, as they said; null where nobody has.',
    COMMENT COLUMN note 'What they said about it; null where nobody has taken it on.';

ALTER TABLE frwatch.alerts_delivered
    COMMENT COLUMN attempts 'How often it was tried.',
    COMMENT COLUMN outcome 'Of the last attempt: delivered, failed (tried again later) or given_up.',
    COMMENT COLUMN error 'Why the last attempt failed, in words of frwatch; empty where it did not.',
    COMMENT COLUMN attempted_at 'When the last attempt ended, UTC.',
    COMMENT COLUMN delivered_at 'When it first arrived, UTC; null where it has not.';

ALTER TABLE frwatch.alert_latency
    COMMENT COLUMN day 'Day of the delivery, UTC.',
    COMMENT COLUMN alerts 'How many first alerts were delivered.',
    COMMENT COLUMN from_search 'Seconds from the search to the delivery: quantiles 0.5, 0.9 and 0.99.',
    COMMENT COLUMN from_arrival 'Seconds from the arrival of the event in the worker: quantiles 0.5, 0.9 and 0.99.',
    COMMENT COLUMN from_detection 'Seconds from its judgement: quantiles 0.5, 0.9 and 0.99.',
    COMMENT COLUMN from_due 'Seconds from when it was due: quantiles 0.5, 0.9 and 0.99.';

ALTER TABLE frwatch.migrations
    COMMENT COLUMN number 'Number of the migration; they are applied in this order.',
    COMMENT COLUMN name 'What it brings.',
    COMMENT COLUMN sha256 'SHA-256 of its text, hex.',
    COMMENT COLUMN applied_at 'When it was applied, UTC.';
