//! Where a job stands among those that wait, and how fast films are made.

use super::{Store, StoreError, record};
use crate::job::Job;

/// How many of the last films the pace is taken from.
const RECENT: i64 = 20;

/// What a waiting job can expect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Queue {
    /// 1 is the next.
    pub(crate) position: u64,
    /// Seconds, where the pace is known.
    pub(crate) estimated_wait: Option<f64>,
}

impl Store {
    /// Where a queued job stands; as it was last counted, if nothing has moved since.
    pub(crate) async fn queue_of(&self, job: &Job) -> Result<Queue, StoreError> {
        let id = job.brief.id;
        if let Some(queue) = self.cache.queue(id) {
            return Ok(queue);
        }
        let moves = self.cache.moves();
        let queue = self.connections.answered(self.count_queue(job)).await?;
        self.cache.keep_queue(moves, id, queue);
        Ok(queue)
    }

    async fn count_queue(&self, job: &Job) -> Result<Queue, StoreError> {
        let (ahead, processing): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM jobs WHERE status = 'queued' AND (created_at, id) < ($1, $2)), \
             (SELECT COUNT(*) FROM jobs WHERE status = 'processing')",
        )
        .bind(record::millis(job.created_at))
        .bind(job.brief.id.to_string())
        .fetch_one(&self.connections.reader())
        .await?;
        let film_millis: Option<f64> = sqlx::query_scalar(
            "SELECT CAST(AVG(j.completed_at - s.started_at) AS DOUBLE PRECISION) FROM \
             (SELECT id, completed_at FROM jobs WHERE status = 'completed' \
              ORDER BY completed_at DESC LIMIT $1) j \
             JOIN job_stages s ON s.job_id = j.id AND s.stage = 'audio_parser'",
        )
        .bind(RECENT)
        .fetch_one(&self.connections.reader())
        .await?;
        let position = ahead.unsigned_abs() + 1;
        Ok(Queue {
            position,
            estimated_wait: wait(position, processing.unsigned_abs(), film_millis),
        })
    }
}

/// As many films as are made at once end in the time that one takes. With none under way there is no
/// telling whether anybody works.
fn wait(position: u64, processing: u64, film_millis: Option<f64>) -> Option<f64> {
    let film = film_millis.filter(|millis| *millis > 0.0)? / 1000.0;
    (processing > 0).then(|| (film * position as f64 / processing as f64).ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_known_when_films_were_made_and_some_are_under_way() {
        assert_eq!(wait(3, 2, Some(60_000.0)), Some(90.0));
        assert_eq!(wait(1, 0, Some(60_000.0)), None);
        assert_eq!(wait(1, 2, None), None);
    }
}
