-- Where do people search on trial or personal accounts, which no agency ever bought?
-- param agency=
SELECT
    agency_id AS agency,
    account AS account_kind,
    ifNull(provider_id, 'in no catalogue') AS service,
    sum(a.searches) AS searches,
    uniqExactArray(a.people) AS people,
    sum(a.no_case) AS no_case,
    formatDateTime(max(a.last_at), '%F', 'UTC') AS last_day
FROM frwatch.private_accounts_by_month AS a
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, account_kind, service
ORDER BY searches DESC, agency, account_kind, service
LIMIT 40
