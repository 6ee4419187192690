-- A restore takes a log back to an earlier state and begins an epoch: what comes after that position are other events than before.
CREATE TABLE log_epoch (
  epoch bigint PRIMARY KEY,
  after_position bigint NOT NULL
);
INSERT INTO log_epoch (epoch, after_position) VALUES (1, 0);
-- The epoch of the source's log that the cursor's position belongs to.
ALTER TABLE subscription ADD COLUMN epoch bigint NOT NULL DEFAULT 1;
