-- Wire profiles: under which profile each body of an event was made, and deliveries that wait for
-- newer ones of the same kind to take their place.

ALTER TABLE events ADD COLUMN profiles TEXT; -- of the bodies by number, joined by spaces; none where all are nowistay

-- What newer events are compared by: their type and booking. None where none takes its place.
ALTER TABLE pending ADD COLUMN gathered TEXT;
CREATE INDEX pending_gathered ON pending (webhook_id, gathered) WHERE gathered IS NOT NULL;
