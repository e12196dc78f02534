-- When a job is cancelled by itself (Cancel-After), in milliseconds since 1970.
ALTER TABLE jobs ADD COLUMN cancel_at BIGINT;
-- Whom to tell of the end.
ALTER TABLE jobs ADD COLUMN webhook_url TEXT;
CREATE INDEX jobs_to_cancel ON jobs (cancel_at) WHERE cancel_at IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (created_at) WHERE status = 'queued';

-- What was answered to a request that carried an Idempotency-Key.
CREATE TABLE idempotency_keys (
    user_id     TEXT   NOT NULL,
    route       TEXT   NOT NULL,                  -- method and path
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,                  -- SHA-256 of what was asked for
    claim       TEXT   NOT NULL,                  -- of the request that is at it
    job_id      TEXT   REFERENCES jobs (id) ON DELETE CASCADE,
    answer      TEXT,                             -- absent while the first request runs
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, route, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- What the webhooks of a user are signed with: the newest, and for a while the one before it.
CREATE TABLE webhook_secrets (
    user_id    TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    secret     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, version)
);

-- What is to be told to a webhook; written in the transaction that ends the job.
CREATE TABLE webhook_deliveries (
    id           TEXT   NOT NULL PRIMARY KEY,     -- the webhook-id: the same in every attempt
    job_id       TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    user_id      TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    url          TEXT   NOT NULL,
    status       TEXT   NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts     BIGINT NOT NULL DEFAULT 0,
    due_at       BIGINT NOT NULL,
    leased_until BIGINT NOT NULL DEFAULT 0,       -- one gateway at a time tries it
    created_at   BIGINT NOT NULL,
    UNIQUE (job_id, type)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE status = 'pending';

-- The delivery log.
CREATE TABLE webhook_attempts (
    delivery_id TEXT   NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    milliseconds BIGINT NOT NULL,
    http_status BIGINT,                           -- absent where there was no answer
    error       TEXT,
    PRIMARY KEY (delivery_id, number)
);
