-- operation_key: of the call to the provider whose outcome is awaited, also while the state is unknown; empty where there is none.
-- token: the provider's, for as long as the authorization is not settled. refunding: in refunds that are not settled.
CREATE TABLE payment (
  id text PRIMARY KEY,
  cart_id text NOT NULL,
  order_id text NOT NULL,
  provider text NOT NULL,
  token text NOT NULL,
  return_url text NOT NULL,
  state text NOT NULL CHECK (state IN ('created', 'authorizing', 'requires_action', 'authorized', 'declined', 'capturing', 'captured', 'voiding', 'voided', 'unknown')),
  operation_key text NOT NULL,
  cancel_asked bigint NOT NULL CHECK (cancel_asked IN (0, 1)),
  amount bigint NOT NULL,
  currency text NOT NULL,
  authorized bigint NOT NULL,
  captured bigint NOT NULL,
  refunded bigint NOT NULL,
  refunding bigint NOT NULL,
  decline_code text NOT NULL,
  action_url text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL,
  CHECK (0 <= refunded AND 0 <= refunding AND refunded + refunding <= captured AND captured <= authorized AND authorized <= amount),
  CHECK ((operation_key <> '') = (state IN ('authorizing', 'requires_action', 'capturing', 'voiding', 'unknown'))),
  CHECK (order_id <> '' OR state = 'created')
);
CREATE INDEX payment_cart ON payment (cart_id);
CREATE INDEX payment_order ON payment (order_id);
CREATE INDEX payment_unclaimed ON payment (created_ms) WHERE state = 'created';
-- An order attempt is charged once, whatever comes between two of its requests.
CREATE UNIQUE INDEX payment_one_per_order ON payment (order_id) WHERE state NOT IN ('created', 'declined', 'voided');

-- request_key: of the command that asked for it, so that it is carried out once even when the key is repeated after its day.
CREATE TABLE payment_refund (
  id text PRIMARY KEY,
  payment_id text NOT NULL REFERENCES payment (id),
  request_key text NOT NULL UNIQUE,
  amount bigint NOT NULL CHECK (amount > 0),
  currency text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'done', 'failed', 'unknown')),
  reason text NOT NULL,
  decline_code text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL
);
CREATE INDEX payment_refund_payment ON payment_refund (payment_id, id);

-- Append-only. The entry is the key of the operation it comes from, so that none is posted twice; its amounts add up to 0.
-- authorized: held at the provider and not captured; provider: captured and not refunded; shopper: the other side of both.
CREATE TABLE payment_posting (
  entry_id text NOT NULL,
  account text NOT NULL CHECK (account IN ('authorized', 'provider', 'shopper')),
  payment_id text NOT NULL REFERENCES payment (id),
  currency text NOT NULL,
  amount bigint NOT NULL CHECK (amount <> 0),
  time_ms bigint NOT NULL,
  PRIMARY KEY (entry_id, account)
);
CREATE INDEX payment_posting_payment ON payment_posting (payment_id, time_ms);

-- The books of the sandbox, which plays the outside party: what it did under each key. taken, given_back and released are
-- of an authorization.
CREATE TABLE sandbox_operation (
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
);
