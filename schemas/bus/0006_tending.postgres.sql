-- Of several instances the one that sets it forth looks after the log until then.
ALTER TABLE event_head ADD COLUMN tended_until_ms bigint NOT NULL DEFAULT 0;
