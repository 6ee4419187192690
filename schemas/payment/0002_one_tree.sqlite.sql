-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. Short rows that are found by their key need
-- only one.
CREATE TABLE payment_posting_next (
  entry_id text NOT NULL,
  account text NOT NULL CHECK (account IN ('authorized', 'provider', 'shopper')),
  payment_id text NOT NULL REFERENCES payment (id),
  currency text NOT NULL,
  amount bigint NOT NULL CHECK (amount <> 0),
  time_ms bigint NOT NULL,
  PRIMARY KEY (entry_id, account)
) WITHOUT ROWID;
INSERT INTO payment_posting_next (entry_id, account, payment_id, currency, amount, time_ms)
  SELECT entry_id, account, payment_id, currency, amount, time_ms FROM payment_posting;
DROP TABLE payment_posting;
ALTER TABLE payment_posting_next RENAME TO payment_posting;
CREATE INDEX payment_posting_payment ON payment_posting (payment_id, time_ms);

CREATE TABLE sandbox_operation_next (
  operation_key text PRIMARY KEY,
  authorization_key text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('authorize', 'capture', 'cancel', 'refund')),
  token text NOT NULL,
  return_url text NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('approved', 'declined', 'requires_action', 'nothing')),
  code text NOT NULL,
  taken bigint NOT NULL,
  given_back bigint NOT NULL,
  released bigint NOT NULL CHECK (released IN (0, 1)),
  created_ms bigint NOT NULL,
  CHECK (0 <= given_back AND given_back <= taken AND taken <= amount)
) WITHOUT ROWID;
INSERT INTO sandbox_operation_next (operation_key, authorization_key, kind, token, return_url, amount, currency, verdict, code, taken, given_back, released, created_ms)
  SELECT operation_key, authorization_key, kind, token, return_url, amount, currency, verdict, code, taken, given_back, released, created_ms FROM sandbox_operation;
DROP TABLE sandbox_operation;
ALTER TABLE sandbox_operation_next RENAME TO sandbox_operation;
