-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. These are written with every request and
-- read by their key alone: one tree is enough.
CREATE TABLE event_log_next (
  position integer PRIMARY KEY,
  id text NOT NULL UNIQUE,
  name text NOT NULL,
  aggregate text NOT NULL,
  version bigint NOT NULL,
  time_ms bigint NOT NULL,
  actor text NOT NULL,
  trace text NOT NULL,
  data text NOT NULL
);
INSERT INTO event_log_next (position, id, name, aggregate, version, time_ms, actor, trace, data)
  SELECT position, id, name, aggregate, version, time_ms, actor, trace, data FROM event_log;
DROP TABLE event_log;
ALTER TABLE event_log_next RENAME TO event_log;

CREATE TABLE keyed_command_next (
  principal text NOT NULL,
  operation text NOT NULL,
  key text NOT NULL,
  input_hash text NOT NULL,
  result text NOT NULL,
  created_ms bigint NOT NULL,
  PRIMARY KEY (principal, operation, key)
) WITHOUT ROWID;
INSERT INTO keyed_command_next (principal, operation, key, input_hash, result, created_ms)
  SELECT principal, operation, key, input_hash, result, created_ms FROM keyed_command;
DROP TABLE keyed_command;
ALTER TABLE keyed_command_next RENAME TO keyed_command;
CREATE INDEX keyed_command_created ON keyed_command (created_ms);

CREATE TABLE saga_step_next (
  saga_id text NOT NULL REFERENCES saga (id) ON DELETE CASCADE,
  number bigint NOT NULL,
  step text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('forward', 'back', 'none')),
  result text NOT NULL,
  actor text NOT NULL,
  reason text NOT NULL,
  time_ms bigint NOT NULL,
  PRIMARY KEY (saga_id, number)
) WITHOUT ROWID;
INSERT INTO saga_step_next (saga_id, number, step, direction, result, actor, reason, time_ms)
  SELECT saga_id, number, step, direction, result, actor, reason, time_ms FROM saga_step;
DROP TABLE saga_step;
ALTER TABLE saga_step_next RENAME TO saga_step;

CREATE TABLE effect_next (
  id text PRIMARY KEY NOT NULL,
  kind text NOT NULL,
  state text NOT NULL CHECK (state IN ('due', 'done', 'failed')),
  data text NOT NULL,
  result text NOT NULL,
  attempts bigint NOT NULL,
  failure text NOT NULL,
  due_ms bigint NOT NULL,
  lease_until_ms bigint NOT NULL,
  created_ms bigint NOT NULL
) WITHOUT ROWID;
INSERT INTO effect_next (id, kind, state, data, result, attempts, failure, due_ms, lease_until_ms, created_ms)
  SELECT id, kind, state, data, result, attempts, failure, due_ms, lease_until_ms, created_ms FROM effect;
DROP TABLE effect;
ALTER TABLE effect_next RENAME TO effect;
CREATE INDEX effect_due ON effect (due_ms) WHERE state = 'due';
CREATE INDEX effect_ended ON effect (created_ms) WHERE state <> 'due';
