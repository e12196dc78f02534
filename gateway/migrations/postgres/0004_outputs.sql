-- Films in other shapes than the job's own, as a JSON list.
ALTER TABLE jobs ADD COLUMN others TEXT;
ALTER TABLE job_runs ADD COLUMN others TEXT;
