CREATE TABLE @module@_entry (
  id text PRIMARY KEY,
  title text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL
);
