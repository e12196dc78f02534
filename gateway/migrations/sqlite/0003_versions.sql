-- Passes of a job and the films that they made: versions of one film.
ALTER TABLE jobs ADD COLUMN film_run BIGINT;       -- the pass whose film is shown
UPDATE jobs SET film_run = run WHERE video IS NOT NULL;

CREATE TABLE job_runs (
    job_id       TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    run          BIGINT NOT NULL,
    status       TEXT   NOT NULL,
    base         BIGINT,                           -- the pass whose film it changes; absent for the first
    from_stage   TEXT,
    clips        TEXT,                             -- those that it makes anew, as JSON
    tasks        TEXT,                             -- the messages that it begins with, as JSON
    video        TEXT,                             -- ArtifactRef as JSON, as are the next two
    poster       TEXT,
    report       TEXT,
    created_at   BIGINT NOT NULL,
    completed_at BIGINT,
    PRIMARY KEY (job_id, run)
);
INSERT INTO job_runs (job_id, run, status, video, poster, report, created_at, completed_at)
    SELECT id, run, status, video, poster, report, created_at, completed_at FROM jobs
    WHERE completed_at IS NOT NULL;
