-- Whom events are sent to. The secret signs, so it is kept as it is; the one before counts on for a while after a rotation.
CREATE TABLE webhook_endpoint (
  id text PRIMARY KEY,
  url text NOT NULL,
  description text NOT NULL,
  events text NOT NULL,
  secret text NOT NULL,
  secret_before text NOT NULL,
  secret_before_until_ms bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('active', 'disabled')),
  disabled_because text NOT NULL,
  failing_since_ms bigint NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL
);

-- One event for one endpoint, and what became of it.
CREATE TABLE webhook_delivery (
  id text PRIMARY KEY,
  endpoint_id text NOT NULL,
  event_id text NOT NULL,
  event_type text NOT NULL,
  body text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts bigint NOT NULL,
  status bigint NOT NULL,
  failure text NOT NULL,
  created_ms bigint NOT NULL,
  ended_ms bigint
);
CREATE INDEX webhook_delivery_endpoint ON webhook_delivery (endpoint_id, id);
CREATE TABLE webhook_attempt (
  delivery_id text NOT NULL REFERENCES webhook_delivery (id) ON DELETE CASCADE,
  number bigint NOT NULL,
  status bigint NOT NULL,
  failure text NOT NULL,
  duration_ms bigint NOT NULL,
  time_ms bigint NOT NULL,
  PRIMARY KEY (delivery_id, number)
);
