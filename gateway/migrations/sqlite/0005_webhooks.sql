-- The end of each pass is told, and not each kind of end once. The constraint is part of the table, so the table
-- is made anew; the log of attempts, which goes with its deliveries, is carried over first.
CREATE TABLE deliveries_of_passes (
    id           TEXT   NOT NULL PRIMARY KEY,     -- the webhook-id: the same in every attempt
    job_id       TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    run          BIGINT NOT NULL,
    user_id      TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    url          TEXT   NOT NULL,
    status       TEXT   NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts     BIGINT NOT NULL DEFAULT 0,
    due_at       BIGINT NOT NULL,
    leased_until BIGINT NOT NULL DEFAULT 0,       -- one gateway at a time tries it
    created_at   BIGINT NOT NULL,
    UNIQUE (job_id, run, type)
);
INSERT INTO deliveries_of_passes (id, job_id, run, user_id, type, url, status, attempts, due_at, leased_until, created_at)
    SELECT id, job_id, 1, user_id, type, url, status, attempts, due_at, leased_until, created_at FROM webhook_deliveries;
CREATE TABLE attempts_of_passes (
    delivery_id TEXT   NOT NULL REFERENCES deliveries_of_passes (id) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    milliseconds BIGINT NOT NULL,
    http_status BIGINT,                           -- absent where there was no answer
    error       TEXT,
    PRIMARY KEY (delivery_id, number)
);
INSERT INTO attempts_of_passes (delivery_id, number, at, milliseconds, http_status, error)
    SELECT delivery_id, number, at, milliseconds, http_status, error FROM webhook_attempts;
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
ALTER TABLE deliveries_of_passes RENAME TO webhook_deliveries;
ALTER TABLE attempts_of_passes RENAME TO webhook_attempts;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE status = 'pending';
