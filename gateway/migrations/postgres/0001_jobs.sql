-- Ids and JSON are TEXT, times BIGINT milliseconds since 1970 (UTC), money BIGINT micro-dollars.

CREATE TABLE jobs (
    id                  TEXT   NOT NULL PRIMARY KEY,
    user_id             TEXT   NOT NULL,
    run                 BIGINT NOT NULL,
    status              TEXT   NOT NULL
                        CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')),
    current_stage       TEXT,
    progress            BIGINT NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    estimated_remaining DOUBLE PRECISION,
    estimated_cost      BIGINT NOT NULL CHECK (estimated_cost >= 0),
    total_cost          BIGINT NOT NULL DEFAULT 0 CHECK (total_cost >= 0),
    duration            DOUBLE PRECISION NOT NULL,
    clips_completed     BIGINT NOT NULL DEFAULT 0,
    clips_total         BIGINT,
    brief               TEXT   NOT NULL,          -- the JobBrief as JSON: what every work message says of the job
    video               TEXT,                     -- ArtifactRef as JSON, as are the next two
    poster              TEXT,
    report              TEXT,
    error_message       TEXT,
    error_code          TEXT,
    error_retryable     BIGINT NOT NULL DEFAULT 0,
    last_sequence       BIGINT NOT NULL DEFAULT 0, -- of EVENTS: everything up to here is in this row
    end_sequence        BIGINT,                    -- of EVENTS: the event that ended the job
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    completed_at        BIGINT,
    swept_at            BIGINT                     -- when the objects of a cancelled or failed job were removed
) WITH (fillfactor = 70); -- every event rewrites its job's row: room for the new one on the same page
CREATE INDEX jobs_of_user ON jobs (user_id, created_at DESC);
CREATE INDEX jobs_by_status ON jobs (status, completed_at);

CREATE TABLE job_stages (
    job_id       TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    stage        TEXT   NOT NULL,
    status       TEXT   NOT NULL
                 CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped')),
    started_at   BIGINT,
    completed_at BIGINT,
    duration     DOUBLE PRECISION,
    error        TEXT,
    PRIMARY KEY (job_id, stage)
);

-- Each rise of a job's progress, so that a resumed stream knows what its reader has already seen.
CREATE TABLE progress_steps (
    job_id   TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence BIGINT NOT NULL,
    progress BIGINT NOT NULL,
    PRIMARY KEY (job_id, sequence)
);

-- What is to be published for a job; written with the job, in one transaction.
CREATE TABLE outbox (
    job_id     TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    position   BIGINT NOT NULL,                   -- the order within the job
    subject    TEXT   NOT NULL UNIQUE,            -- every entry is the first and only message on its subject
    payload    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (job_id, position)
);
CREATE INDEX outbox_by_age ON outbox (created_at, job_id, position);

-- How far EVENTS has been read into the rows above; one row.
CREATE TABLE projection (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    stream   TEXT   NOT NULL,                     -- when the stream was created: another stream starts anew
    sequence BIGINT NOT NULL
);
