//! What the description says of streams. Their events are a list of their own in `docs/api.md`.

#![expect(dead_code, reason = "these are read by the description, never called")]

/// The job's state, then every event after it
///
/// `text/event-stream`: the first event is the whole state, each further one has the id that
/// `Last-Event-ID` resumes behind.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/stream",
    operation_id = "streamJob",
    tag = "events",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("after" = Option<u64>, Query, description = "Resume behind this event."),
        ("ticket" = Option<String>, Query, description = "A stream ticket, instead of a token."),
        ("Last-Event-ID" = Option<String>, Header, description = "Resume behind this event.")
    ),
    responses(
        (status = 200, description = "Events until the job ends.", body = Value, content_type = "text/event-stream"),
        (status = 204, description = "You have seen the end of this job: do not come back.")
    ),
    security(("bearer" = []))
)]
fn stream() {}

/// Many jobs on one stream
///
/// As `streamJob`, for up to 20 jobs: browsers have six connections a host.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "streamJobs",
    tag = "events",
    params(
        ("jobs" = String, Query, description = "1 to 20 job ids, with commas between."),
        ("after" = Option<u64>, Query, description = "Resume behind this event."),
        ("Last-Event-ID" = Option<String>, Header, description = "Resume behind this event.")
    ),
    responses(
        (status = 200, description = "Events until all jobs have ended.", body = Value, content_type = "text/event-stream"),
        (status = 204, description = "You have seen the end of all of these jobs: do not come back.")
    ),
    security(("bearer" = []))
)]
fn many() {}
