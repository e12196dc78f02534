//! The promises about tables of other builds.

use super::*;

on_both! {
    a_newer_schema_is_refused_in_one_sentence
    an_older_schema_is_brought_up_to_date
}

async fn a_newer_schema_is_refused_in_one_sentence(bench: Bench) {
    bench
        .sql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'newer', TRUE, '', 0)",
        )
        .await;
    let Err(refused) = Store::open(&bench.url).await else {
        panic!("a newer schema was opened");
    };
    let words = refused.to_string();
    assert!(
        words.starts_with("the database has schema 9999, and this build knows"),
        "{words}"
    );
}

async fn an_older_schema_is_brought_up_to_date(bench: Bench) {
    let job = bench.accepts(user()).await;
    // What the later steps made, unmade.
    for sql in [
        "DROP TABLE job_runs",
        "ALTER TABLE jobs DROP COLUMN film_run",
        "ALTER TABLE jobs DROP COLUMN others",
        "DROP TABLE webhook_attempts",
        "DROP TABLE webhook_deliveries",
        "DROP TABLE webhook_secrets",
        "DROP TABLE idempotency_keys",
        "DROP INDEX jobs_to_cancel",
        "DROP INDEX jobs_waiting",
        "ALTER TABLE jobs DROP COLUMN cancel_at",
        "ALTER TABLE jobs DROP COLUMN webhook_url",
        "DELETE FROM _sqlx_migrations WHERE version > 1",
    ] {
        bench.sql(sql).await;
    }
    let newer = Store::open(&bench.url).await.unwrap();
    let found = newer.job_of(job.brief.user, job.brief.id).await.unwrap();
    assert_eq!(found.as_deref(), Some(&job));
    newer.close().await;
}
