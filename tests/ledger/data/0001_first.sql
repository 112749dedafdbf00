BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'docferry','0001_first','2026-11-22 01:54:07.622523+00:00');
CREATE TABLE deliveries (
    document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    path BLOB NOT NULL,
    format TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    delivered_at REAL NOT NULL,
    PRIMARY KEY (document, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY NOT NULL,
    inbox TEXT NOT NULL,
    path BLOB NOT NULL,             -- below the inbox, as the filesystem has it
    display TEXT NOT NULL,          -- the same, printable
    work_path BLOB NOT NULL,        -- where the original is while it is ours
    state TEXT NOT NULL,
    filed INTEGER NOT NULL DEFAULT 0,   -- 1: ended, original put away, nothing left to do
    step INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    provider TEXT,
    priority INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,           -- Unix seconds, UTC, like every *_at
    seen_at REAL NOT NULL,
    claimed_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    size_bytes INTEGER NOT NULL,
    device TEXT NOT NULL,           -- unsigned 64 bit does not fit SQLite's INTEGER
    inode TEXT NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    sha256 TEXT,
    media_type TEXT,
    pages INTEGER,
    rule TEXT,
    rules_hash TEXT,
    plan TEXT,                      -- JSON
    facts TEXT NOT NULL DEFAULT '{}',   -- JSON
    output_base TEXT,
    output_key TEXT,                -- outbox and name as a case-insensitive share would see them
    original_at BLOB,
    error TEXT,
    error_hint TEXT,
    waits_for TEXT,
    warnings TEXT NOT NULL DEFAULT '[]',
    partial INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    linked_to TEXT                  -- a duplicate: the earlier document whose results it gets
) STRICT;
INSERT INTO "documents" VALUES('0000000000000000','scans',X'636166E92E706466','caf\udce9.pdf',X'2F696E626F782F2E646F6366657272792F303030303030303030303030303030302F302E706466','queued',0,0,1,0,NULL,0,4.0,1.0,2.0,3.0,10,'1','0',5,6,NULL,NULL,NULL,'rule','hash','{"rule":"rule","rules_hash":"hash","provider":"local","steps":[{"endpoint":"extract","options":{"a":1}}],"mode":"auto","formats":["markdown","json"],"output_name":null,"on_existing":"number","after":null,"on_ambiguous":"resubmit","priority":0,"fallback_provider":null,"fallback_after_s":900.0,"job_timeout_s":null}','{}',NULL,NULL,NULL,NULL,NULL,NULL,'[]',0,0,NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    document TEXT,                  -- NULL: about an inbox or provider
    kind TEXT NOT NULL,
    state TEXT,
    detail TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO "events" VALUES(1,2.0,'0000000000000000','claimed','queued','{}');
INSERT INTO "events" VALUES(2,3.0,'0000000000000000','seen','queued','{}');
CREATE TABLE memory (
    key TEXT PRIMARY KEY NOT NULL,  -- small facts that outlive the process: inbox markers, alerts sent, pauses
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "memory" VALUES('paused','{"inboxes":["scans"],"providers":[]}');
CREATE TABLE pace (
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,            -- JSON: what was learned of how long jobs take
    PRIMARY KEY (provider, endpoint)
) STRICT, WITHOUT ROWID;
INSERT INTO "pace" VALUES('local','extract','{"a":1}');
CREATE TABLE steps (
    document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,      -- index into the plan's steps
    endpoint TEXT NOT NULL,
    provider TEXT NOT NULL,
    state TEXT NOT NULL,
    options TEXT NOT NULL,          -- JSON
    mode TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    upload_names TEXT NOT NULL,     -- JSON: the present one last, before it those whose fate never became known
    job_id TEXT,
    intent_at REAL,
    accepted_at REAL,
    completed_at REAL,
    polls INTEGER NOT NULL DEFAULT 0,
    lost_answers INTEGER NOT NULL DEFAULT 0,
    lost_jobs INTEGER NOT NULL DEFAULT 0,
    sent_bytes INTEGER,
    sent_sha256 TEXT,
    pages INTEGER,
    credits REAL,
    answer TEXT,
    pointer TEXT,
    outcome TEXT NOT NULL DEFAULT '{}',
    warnings TEXT NOT NULL DEFAULT '[]',
    error TEXT,
    PRIMARY KEY (document, run, position)
) STRICT, WITHOUT ROWID;
INSERT INTO "steps" VALUES('0000000000000000',1,0,'extract','local','submitting','{}','async',0,'0000000000000000-0','["a"]',NULL,NULL,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,'{}','[]',NULL);
CREATE TABLE totals (
    inbox TEXT NOT NULL,
    state TEXT NOT NULL,
    documents INTEGER NOT NULL,
    PRIMARY KEY (inbox, state)
) STRICT, WITHOUT ROWID;
INSERT INTO "totals" VALUES('scans','queued',1);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX documents_open ON documents (filed, state) WHERE filed = 0;
CREATE UNIQUE INDEX documents_output ON documents (output_key) WHERE output_key IS NOT NULL;
CREATE INDEX documents_sha256 ON documents (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX documents_path ON documents (path, claimed_at);
CREATE INDEX documents_original ON documents (original_at) WHERE original_at IS NOT NULL;
CREATE INDEX documents_identity ON documents (device, inode);
CREATE INDEX documents_claimed ON documents (claimed_at);
CREATE TRIGGER totals_added AFTER INSERT ON documents BEGIN
    INSERT INTO totals VALUES (new.inbox, new.state, 1)
        ON CONFLICT (inbox, state) DO UPDATE SET documents = documents + 1;
END;
CREATE TRIGGER totals_moved AFTER UPDATE OF state ON documents WHEN old.state != new.state BEGIN
    UPDATE totals SET documents = documents - 1 WHERE inbox = old.inbox AND state = old.state;
    INSERT INTO totals VALUES (new.inbox, new.state, 1)
        ON CONFLICT (inbox, state) DO UPDATE SET documents = documents + 1;
END;
CREATE TRIGGER totals_removed AFTER DELETE ON documents BEGIN
    UPDATE totals SET documents = documents - 1 WHERE inbox = old.inbox AND state = old.state;
END;
CREATE INDEX steps_job ON steps (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX deliveries_path ON deliveries (path);
CREATE INDEX events_document ON events (document, id);
COMMIT;
