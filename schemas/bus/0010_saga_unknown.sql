-- An outcome that is not known is a state of a saga; its log says who intervened and why. SQLite cannot change a CHECK, so the tables are made anew.
CREATE TABLE saga_next (
  id text PRIMARY KEY,
  kind text NOT NULL,
  definition bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'waiting', 'unknown', 'compensating', 'done', 'compensated', 'stuck')),
  step text NOT NULL,
  version bigint NOT NULL,
  data text NOT NULL,
  outcome text NOT NULL,
  attempts bigint NOT NULL,
  failure text NOT NULL,
  wake_ms bigint NOT NULL,
  lease_until_ms bigint NOT NULL,
  deadline_ms bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL
);
INSERT INTO saga_next (id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms)
  SELECT id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms FROM saga;
CREATE TABLE saga_step_next (
  saga_id text NOT NULL REFERENCES saga_next (id) ON DELETE CASCADE,
  number bigint NOT NULL,
  step text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('forward', 'back', 'none')),
  result text NOT NULL,
  actor text NOT NULL,
  reason text NOT NULL,
  time_ms bigint NOT NULL,
  PRIMARY KEY (saga_id, number)
);
INSERT INTO saga_step_next (saga_id, number, step, direction, result, actor, reason, time_ms)
  SELECT saga_id, number, step, direction, result, '', '', time_ms FROM saga_step;
DROP TABLE saga_step;
DROP TABLE saga;
ALTER TABLE saga_next RENAME TO saga;
ALTER TABLE saga_step_next RENAME TO saga_step;

-- Those that have not ended: the few that are looked at all the time. A stuck one has a wake_ms that never comes.
CREATE INDEX saga_wake ON saga (wake_ms) WHERE state NOT IN ('done', 'compensated');
UPDATE saga SET wake_ms = 9223372036854775807 WHERE state = 'stuck';

-- Ended effects are removed once they are old.
CREATE INDEX effect_ended ON effect (created_ms) WHERE state <> 'due';
