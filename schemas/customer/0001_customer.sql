-- A customer's profile; signing in is auth's.
CREATE TABLE customer (
  id text PRIMARY KEY,
  user_id text NOT NULL UNIQUE,
  email text NOT NULL,
  first_name text NOT NULL,
  last_name text NOT NULL,
  phone text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL
);
CREATE INDEX customer_email ON customer (email);

CREATE TABLE customer_address (
  id text PRIMARY KEY,
  customer_id text NOT NULL REFERENCES customer (id),
  address text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL
);
CREATE INDEX customer_address_customer ON customer_address (customer_id, id);
