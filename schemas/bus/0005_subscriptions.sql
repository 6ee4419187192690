-- Subscriptions can be paused by hand, and an event that ends the process is stopped: `begun` of its attempts at
-- `begun_position` were begun by processes that did not live to see their end.
ALTER TABLE subscription DROP COLUMN failures;
ALTER TABLE subscription DROP COLUMN failure;
ALTER TABLE subscription DROP COLUMN retry_ms;
ALTER TABLE subscription ADD COLUMN state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused'));
ALTER TABLE subscription ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE subscription ADD COLUMN begun_position bigint NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN begun bigint NOT NULL DEFAULT 0;

-- A parked event is tried again until it is dead: a dead letter waits for somebody, who has it tried again or discards it.
ALTER TABLE parked_event ADD COLUMN state text NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'dead', 'discarded'));
ALTER TABLE parked_event ADD COLUMN begun bigint NOT NULL DEFAULT 0;
ALTER TABLE parked_event ADD COLUMN parked_ms bigint NOT NULL DEFAULT 0;
UPDATE parked_event SET state = 'dead' WHERE attempts >= 10;
CREATE INDEX parked_event_state ON parked_event (subscription, state, position);

-- How far readers in other processes have come in this module's log, as they said when they last asked.
CREATE TABLE event_reader (
  name text PRIMARY KEY,
  position bigint NOT NULL,
  seen_ms bigint NOT NULL
);
