-- On SQLite a table with a key of its own is two trees: one by the row's number, one by the key. Short rows that are found by their key need
-- only one.
CREATE TABLE order_history_next (
  order_id text NOT NULL REFERENCES shop_order (id),
  version bigint NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  actor text NOT NULL,
  time_ms bigint NOT NULL,
  PRIMARY KEY (order_id, version)
) WITHOUT ROWID;
INSERT INTO order_history_next (order_id, version, state, reason, actor, time_ms)
  SELECT order_id, version, state, reason, actor, time_ms FROM order_history;
DROP TABLE order_history;
ALTER TABLE order_history_next RENAME TO order_history;
