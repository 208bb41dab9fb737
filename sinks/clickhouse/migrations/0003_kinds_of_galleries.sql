-- What kinds of faces a search went through, and by what it was known whom it was for.

ALTER TABLE frwatch.searches_raw ADD COLUMN IF NOT EXISTS gallery_kinds Array(LowCardinality(String))
COMMENT 'Kinds of the galleries that the client names, or else of all that the service holds: booking_photos, driver_licences, passport_visa, watchlist, scraped_web, social_media, unknown.'
AFTER galleries;

ALTER TABLE frwatch.searches_raw ADD COLUMN IF NOT EXISTS outside_agency_basis LowCardinality(Nullable(String))
COMMENT 'What named the outside agency: field (requesting_agency_id), domain (the requester''s e-mail address) or reference (the request form).'
AFTER outside_agency_id;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW frwatch.searches AS SELECT * FROM frwatch.searches_raw FINAL
COMMENT 'One row a search, or sign of one: the first copy that arrived.';
