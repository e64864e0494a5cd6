-- Wire profiles: under which profile each body of an event was made, and deliveries that wait for
-- newer ones of the same kind to take their place.

-- Of the bodies by number, joined by spaces; none where all are nowistay.
ALTER TABLE stayhook.events ADD COLUMN profiles text;

-- What newer events are compared by: their type and booking. None where none takes its place.
ALTER TABLE stayhook.pending ADD COLUMN gathered text;
CREATE INDEX pending_gathered ON stayhook.pending (webhook_id, gathered) WHERE gathered IS NOT NULL;
