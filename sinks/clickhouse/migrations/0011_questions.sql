-- What whoever writes SQL must not need to know: what counts as a search, and which outcomes speak of which search.

CREATE OR REPLACE VIEW frwatch.counted_searches AS
SELECT * FROM frwatch.searches WHERE evidence = 'SEARCH' AND provider_class != 'not_fr'
COMMENT 'What counts as a search: a client says that one ran, in a service that matches faces. A site that was reached (ACCESS) or looked up (LOOKUP) is none.';

CREATE OR REPLACE VIEW frwatch.search_outcomes AS
SELECT
    s.event_id AS event_id, s.agency_id AS agency_id, s.occurred_at AS occurred_at, s.ingested_at AS ingested_at,
    s.evidence = 'SEARCH' AND s.provider_class != 'not_fr' AS counted,
    o.outcome_id AS outcome_id, o.recorded_at AS recorded_at, o.ingested_at AS told_at, o.kind AS kind,
    'search' AS told_of, o.age_band AS age_band, o.race AS race, o.gender AS gender
FROM frwatch.searches AS s INNER JOIN frwatch.outcomes AS o ON o.event_id = s.event_id
UNION ALL
SELECT
    s.event_id AS event_id, s.agency_id AS agency_id, s.occurred_at AS occurred_at, s.ingested_at AS ingested_at,
    s.evidence = 'SEARCH' AND s.provider_class != 'not_fr' AS counted,
    o.outcome_id AS outcome_id, o.recorded_at AS recorded_at, o.ingested_at AS told_at, o.kind AS kind,
    'case' AS told_of, o.age_band AS age_band, o.race AS race, o.gender AS gender
FROM frwatch.searches AS s
INNER JOIN (SELECT * FROM frwatch.outcomes WHERE isNull(event_id) AND isNotNull(case_number)) AS o
    ON o.agency_id = s.agency_id AND o.case_number = s.case_number
COMMENT 'One row for each search and outcome that speaks of it: by the search''s id, or by agency and case where the outcome names no search.';
