WITH
    period AS (
        SELECT * FROM frwatch.searches
        WHERE occurred_at >= {first:DateTime64(6, 'UTC')} AND occurred_at < {end:DateTime64(6, 'UTC')}
            AND ingested_at < {as_of:DateTime64(6, 'UTC')}
            AND ({agency:String} = '' OR agency_id = {agency:String})
    ),
    counted AS (SELECT * FROM period WHERE evidence = 'SEARCH' AND provider_class != 'not_fr'),
    told AS (
        SELECT * FROM frwatch.search_outcomes
        WHERE occurred_at >= {first:DateTime64(6, 'UTC')} AND occurred_at < {end:DateTime64(6, 'UTC')}
            AND ({agency:String} = '' OR agency_id = {agency:String})
            AND ingested_at < {as_of:DateTime64(6, 'UTC')}
            AND told_at < {as_of:DateTime64(6, 'UTC')}
            AND counted
    ),
    acted AS (
        SELECT * FROM told
        WHERE kind IN ('LEAD', 'IDENTIFICATION', 'ARREST', 'CHARGE', 'CONVICTION', 'EXONERATION')
    ),
    findings AS (
        SELECT * FROM frwatch.violations
        WHERE occurred_at >= {first:DateTime64(6, 'UTC')} AND occurred_at < {end:DateTime64(6, 'UTC')}
            AND ingested_at < {as_of:DateTime64(6, 'UTC')}
            AND ({agency:String} = '' OR agency_id = {agency:String})
    )
