-- Which rules are broken, how often is it proven, by how many people, since when?
-- param agency=
-- param zone=America/Los_Angeles
SELECT
    agency_id AS agency,
    concat(policy_id, '/', rule_id) AS rule,
    any(severity) AS severity_of_rule,
    countIf(certainty = 'CONFIRMED') AS proven,
    countIf(certainty = 'SUSPECTED') AS not_proven,
    uniqExact(officer) AS people,
    formatDateTime(min(occurred_at), '%F %T', {zone:String}) AS first,
    formatDateTime(max(occurred_at), '%F %T', {zone:String}) AS last
FROM frwatch.violations
WHERE {agency:String} = '' OR agency_id = {agency:String}
GROUP BY agency, rule
ORDER BY proven + not_proven DESC, agency, rule
LIMIT 40
