-- What the bus and the kernel keep in every module's database.

-- Results of commands by idempotency key, for 24 hours.
CREATE TABLE keyed_command (
  principal text NOT NULL,
  operation text NOT NULL,
  key text NOT NULL,
  input_hash text NOT NULL,
  result text NOT NULL,
  created_ms bigint NOT NULL,
  PRIMARY KEY (principal, operation, key)
);
CREATE INDEX keyed_command_created ON keyed_command (created_ms);

-- The events this module published. Positions are dense from 1.
CREATE TABLE event_log (
  position bigint PRIMARY KEY,
  id text NOT NULL UNIQUE,
  name text NOT NULL,
  aggregate text NOT NULL,
  version bigint NOT NULL,
  time_ms bigint NOT NULL,
  actor text NOT NULL,
  trace text NOT NULL,
  data text NOT NULL
);

-- Where each of this module's subscriptions stands in the log of its source.
CREATE TABLE subscription (
  name text PRIMARY KEY,
  source text NOT NULL,
  position bigint NOT NULL,
  failures bigint NOT NULL DEFAULT 0,
  failure text NOT NULL DEFAULT '',
  retry_ms bigint NOT NULL DEFAULT 0
);

-- Events a subscription could not take, and the later ones of the same aggregate that wait behind them.
CREATE TABLE parked_event (
  subscription text NOT NULL,
  position bigint NOT NULL,
  aggregate text NOT NULL,
  event text NOT NULL,
  attempts bigint NOT NULL,
  failure text NOT NULL,
  retry_ms bigint NOT NULL,
  PRIMARY KEY (subscription, position)
);
CREATE INDEX parked_event_aggregate ON parked_event (subscription, aggregate);

-- Running and ended sagas with what they know, and every step they took.
CREATE TABLE saga (
  id text PRIMARY KEY,
  kind text NOT NULL,
  definition bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'waiting', 'compensating', 'done', 'compensated', 'stuck')),
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
CREATE INDEX saga_wake ON saga (wake_ms) WHERE state IN ('running', 'waiting', 'compensating');
CREATE TABLE saga_step (
  saga_id text NOT NULL REFERENCES saga (id),
  number bigint NOT NULL,
  step text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('forward', 'back')),
  result text NOT NULL,
  time_ms bigint NOT NULL,
  PRIMARY KEY (saga_id, number)
);

-- Outside effects to run: mail, calls to providers.
CREATE TABLE effect (
  id text PRIMARY KEY,
  kind text NOT NULL,
  state text NOT NULL CHECK (state IN ('due', 'done', 'failed')),
  data text NOT NULL,
  result text NOT NULL,
  attempts bigint NOT NULL,
  failure text NOT NULL,
  due_ms bigint NOT NULL,
  lease_until_ms bigint NOT NULL,
  created_ms bigint NOT NULL
);
CREATE INDEX effect_due ON effect (due_ms) WHERE state = 'due';
