-- Texts that staff put in the place of the built-in ones.
CREATE TABLE mail_template (
  event text NOT NULL CHECK (event IN ('order_placed', 'order_cancelled')),
  language text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL,
  version bigint NOT NULL,
  updated_ms bigint NOT NULL,
  PRIMARY KEY (event, language)
);

-- Every mail, and what became of it. One per event: whatever is repeated, nobody is written to twice.
CREATE TABLE mail_message (
  id text PRIMARY KEY,
  event_id text NOT NULL UNIQUE,
  event text NOT NULL,
  order_id text NOT NULL,
  language text NOT NULL,
  recipient text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL,
  state text NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
  failure text NOT NULL,
  created_ms bigint NOT NULL,
  sent_ms bigint,
  CHECK ((state = 'sent') = (sent_ms IS NOT NULL))
);
CREATE INDEX mail_message_order ON mail_message (order_id);
