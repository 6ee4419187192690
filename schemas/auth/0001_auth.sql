-- People who sign in.
CREATE TABLE auth_user (
  id text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('customer', 'staff')),
  email text NOT NULL,
  password_hash text NOT NULL,
  roles text NOT NULL,
  disabled bigint NOT NULL CHECK (disabled IN (0, 1)),
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  UNIQUE (kind, email)
);

-- A session is opened with a token of which only the SHA-256 is kept. One that has ended stays ended.
CREATE TABLE auth_session (
  id text PRIMARY KEY,
  token_hash text NOT NULL UNIQUE,
  user_id text NOT NULL REFERENCES auth_user (id),
  created_ms bigint NOT NULL,
  used_ms bigint NOT NULL,
  expires_ms bigint NOT NULL,
  idle_ms bigint NOT NULL,
  ended_ms bigint
);
CREATE INDEX auth_session_user ON auth_session (user_id);
CREATE INDEX auth_session_expires ON auth_session (expires_ms);

CREATE TABLE auth_role (
  name text PRIMARY KEY,
  permissions text NOT NULL
);
