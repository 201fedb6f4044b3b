/**
 * The tables of one account, and how older ones become them.
 *
 * Owns: every table's shape and what SQLite itself holds: `balance ≥ held ≥ 0`, entries that nobody
 * changes. Does not own: the rules over the rows (account-store.ts, ledger.ts, …).
 */
import { numberOf, type Sql } from "./sql.ts";

/** In order; what has been released is never edited, only followed. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS account (
    account_id TEXT PRIMARY KEY,
    name TEXT,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS api_key (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL,
    name TEXT,
    scope TEXT NOT NULL CHECK (scope IN ('inference', 'management')),
    last_four TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
  ) STRICT;`,
  `ALTER TABLE account ADD COLUMN plan TEXT NOT NULL DEFAULT 'free';
  ALTER TABLE api_key ADD COLUMN spending_limit INTEGER;
  ALTER TABLE api_key ADD COLUMN models TEXT;
  ALTER TABLE api_key ADD COLUMN tiers TEXT;
  ALTER TABLE api_key ADD COLUMN spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0);
  ALTER TABLE api_key ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0);
  CREATE TABLE purse (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    balance INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held >= 0),
    CHECK (balance >= held)
  ) STRICT;
  INSERT INTO purse (id, balance, held) VALUES (1, 0, 0);
  CREATE TABLE hold (
    request_id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    unit_price INTEGER NOT NULL,
    max_step_units INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (
      state IN ('reserved', 'dispatched', 'captured', 'released', 'expired', 'reconciled')
    ),
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0 AND captured <= amount)
  ) STRICT;
  CREATE INDEX hold_due ON hold (due_at);
  CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('credit', 'top_up', 'charge')),
    amount INTEGER NOT NULL CHECK (amount <> 0),
    balance_after INTEGER NOT NULL CHECK (balance_after >= 0),
    reference TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (kind, reference)
  ) STRICT;
  CREATE TRIGGER entry_is_not_changed BEFORE UPDATE ON entry
  BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
  CREATE TRIGGER entry_is_not_removed BEFORE DELETE ON entry
  BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
  CREATE TABLE bucket (
    name TEXT PRIMARY KEY,
    level INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;`,
  `CREATE TABLE usage_day (
    date TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT NOT NULL,
    requests INTEGER NOT NULL,
    step_units INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (date, model, tier)
  ) STRICT;`,
  `CREATE TABLE claim (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    request_id TEXT NOT NULL,
    answer TEXT,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX claim_request ON claim (request_id);
  CREATE INDEX claim_expiry ON claim (expires_at);`,
  `CREATE TABLE outbox (sequence INTEGER PRIMARY KEY) STRICT;
  INSERT INTO outbox (sequence) SELECT sequence FROM entry;
  CREATE TRIGGER entry_is_told AFTER INSERT ON entry
  BEGIN INSERT INTO outbox (sequence) VALUES (NEW.sequence); END;`,
  // A key and those that follow it spend one budget: their rows bear the same sums.
  `ALTER TABLE api_key ADD COLUMN budget_id TEXT NOT NULL DEFAULT '';
  UPDATE api_key SET budget_id = key_id;
  CREATE INDEX api_key_budget ON api_key (budget_id);`,
  // Open holds are counted for every request, among all that are remembered.
  "CREATE INDEX hold_state ON hold (state);",
  // How often the request was handed to a node, what its customer has of the attempts before, and what
  // a node says of the present one beside the answer's stream.
  `ALTER TABLE hold ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE hold ADD COLUMN delivered_units INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE hold ADD COLUMN reported_units INTEGER;`,
  "ALTER TABLE api_key ADD COLUMN concurrency_limit INTEGER CHECK (concurrency_limit > 0);",
  // Of what was used before, nobody knows by which key: those lines have the empty one.
  `ALTER TABLE usage_day RENAME TO usage_day_of_all_keys;
  CREATE TABLE usage_day (
    date TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT NOT NULL,
    key_id TEXT NOT NULL,
    requests INTEGER NOT NULL,
    step_units INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (date, model, tier, key_id)
  ) STRICT;
  INSERT INTO usage_day (date, model, tier, key_id, requests, step_units, cost)
    SELECT date, model, tier, '', requests, step_units, cost FROM usage_day_of_all_keys;
  DROP TABLE usage_day_of_all_keys;`,
  // A day's settled holds are in no index that is read every second.
  `DROP INDEX hold_state;
  CREATE INDEX hold_open ON hold (key_id) WHERE state IN ('reserved', 'dispatched');`,
];

/** Brings the tables up to date. Runs in one transaction of the caller's. */
export function migrate(sql: Sql): void {
  sql.exec("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY) STRICT");
  const [row] = sql.exec("SELECT COALESCE(MAX(version), 0) AS version FROM migration").toArray();
  const version = row === undefined ? 0 : numberOf(row, "version");
  for (const [i, script] of MIGRATIONS.entries()) {
    if (i < version) continue;
    sql.exec(script);
    sql.exec("INSERT INTO migration (version) VALUES (?)", i + 1);
  }
}
