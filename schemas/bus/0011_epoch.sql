-- A restore takes a log back to an earlier state and raises its epoch: positions of different epochs are not the same events.
CREATE TABLE log_epoch (epoch bigint NOT NULL);
INSERT INTO log_epoch (epoch) VALUES (1);
-- The epoch of the source's log that the cursor's position belongs to.
ALTER TABLE subscription ADD COLUMN epoch bigint NOT NULL DEFAULT 1;
