//! `GET /metrics`.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::future::join3;

use super::health;
use crate::app::App;
use crate::error::{ApiError, OrFault};
use crate::metrics::Moment;

/// The figures of this process and of the pipeline, for Prometheus. What cannot be asked for is told by
/// `beatreel_database_up` and `beatreel_nats_up`.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "service",
    responses((status = 200, description = "OpenMetrics text.", body = String, content_type = "application/openmetrics-text"))
)]
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let (database, stages, last) = join3(
        health::database(&app),
        health::stages(&app),
        last_event(&app),
    )
    .await;
    let position = *app.position.borrow();
    let stages = stages.ok().map(|stages| {
        let figures =
            |queue: health::StageQueue| [queue.waiting, queue.in_hand as u64, queue.workers as u64];
        let stages = stages.into_iter();
        stages
            .map(|(stage, queue)| (stage.to_string(), figures(queue)))
            .collect()
    });
    let moment = Moment {
        streams: app.hub.streams(),
        database: database.ok(),
        stages,
        behind: last.map(|last| last.saturating_sub(position)),
        uptime: app.started.elapsed(),
    };
    let text = app.metrics.text(&moment).or_internal("writing figures")?;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}

async fn last_event(app: &App) -> Option<u64> {
    let stream = app.jetstream.get_stream(nats::streams::EVENTS);
    let stream = tokio::time::timeout(health::PATIENCE, stream).await;
    Some(stream.ok()?.ok()?.cached_info().state.last_sequence)
}
