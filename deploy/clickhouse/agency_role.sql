-- The role of agency $agency: its analysts, who see the rows that are its own. A search has two agencies that answer for
-- it: the one whose member ran it, and the one that it was run for. A finding is the agency's whose policy is broken. A
-- parent sees its own rows and no others: a register's parent says whose searches are no outsider's, not who may read
-- them. Who watches over several agencies is granted several of these roles; their rows add up.

CREATE ROLE IF NOT EXISTS `frwatch_agency_$agency`;
GRANT frwatch_agency_analyst TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.searches_raw FOR SELECT
    USING agency_id = '$agency' OR requesting_agency_id = '$agency' OR outside_agency_id = '$agency'
    TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.violations_raw FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.rollup_marks FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.rollup_documents FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.rollup_search_marks FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.rollup_months FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.outcomes_raw FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.rollup_outcome_marks FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.search_differences_raw FOR SELECT
    USING agency_id = '$agency' OR first_agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.outcome_arrivals FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.alert_attempts_raw FOR SELECT
    USING agency_id = '$agency' TO `frwatch_agency_$agency`;
CREATE ROW POLICY OR REPLACE `frwatch_agency_$agency` ON frwatch.alert_acknowledgements_raw FOR SELECT
    USING alert_id IN (SELECT alert_id FROM frwatch.alert_attempts_raw WHERE agency_id = '$agency')
    TO `frwatch_agency_$agency`;
