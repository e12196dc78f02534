//! A gateway on Postgres: the same answers, also from two gateways on one database.

use serde_json::Value;

use crate::app::{TestApp, assert_problem};

#[tokio::test]
async fn a_job_lives_on_postgres_from_upload_to_film() {
    let Some(database) = testkit::postgres_database().await else {
        return;
    };
    let app = TestApp::start_with(|config| config.database_url = database.url()).await;
    let ada = app.user();
    let (job, cancelled) = (ada.uploads().await, ada.uploads().await);

    app.completes(job, b"a film").await;
    let answer = ada.post(&format!("/api/v1/jobs/{cancelled}/cancel")).await;
    assert_eq!(answer.status(), 200);
    app.settled().await;

    let shown = ada.job(job).await;
    assert_eq!(
        (&shown["status"], &shown["progress"]),
        (&"completed".into(), &100.into())
    );
    assert_eq!(ada.job(cancelled).await["status"], "cancelled");
    let list: Value = ada
        .get("/api/v1/jobs?status=completed")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&list["total"], &list["jobs"][0]["job_id"]),
        (&1.into(), &shown["job_id"])
    );
    let foreign = app.user().get(&format!("/api/v1/jobs/{job}")).await;
    assert_problem(foreign, 404, "job-not-found").await;
}
