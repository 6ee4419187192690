-- Events of committed and open transactions, before the sequencer gives them positions.
CREATE TABLE event_staging (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL,
  name text NOT NULL,
  aggregate text NOT NULL,
  version bigint NOT NULL,
  time_ms bigint NOT NULL,
  actor text NOT NULL,
  trace text NOT NULL,
  data text NOT NULL
);
-- One row, the sequencer's lock.
CREATE TABLE event_head (position bigint NOT NULL);
INSERT INTO event_head (position) VALUES (0);
