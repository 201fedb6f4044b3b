-- Every account's movements of money, for reports over all of them. The accounts themselves are the truth.
CREATE TABLE IF NOT EXISTS usage (
  account_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  kind TEXT NOT NULL,
  amount INTEGER NOT NULL,
  balance_after INTEGER NOT NULL,
  reference TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  key_id TEXT,
  model TEXT,
  tier TEXT,
  step_units INTEGER,
  PRIMARY KEY (account_id, sequence)
) STRICT;
CREATE INDEX IF NOT EXISTS usage_created_at ON usage (created_at);
