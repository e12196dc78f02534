-- The end of each pass is told, and not each kind of end once.
ALTER TABLE webhook_deliveries ADD COLUMN run BIGINT NOT NULL DEFAULT 1;
ALTER TABLE webhook_deliveries ALTER COLUMN run DROP DEFAULT;
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_job_id_type_key;
ALTER TABLE webhook_deliveries ADD UNIQUE (job_id, run, type);
