//! The promises about jobs, their outbox, their passes and their lists.

use super::*;

on_both! {
    an_accepted_job_is_read_back_as_it_was_and_by_its_owner_only
    a_job_whose_messages_cannot_all_be_written_leaves_nothing
    the_outbox_keeps_its_order_and_forgets_what_was_published
    a_list_is_newest_first_and_counts_what_the_filter_lets_through
    a_later_pass_begins_once_with_its_tasks
    a_waiting_job_knows_its_place_and_the_pace
    an_ended_job_is_swept_once
}

async fn an_accepted_job_is_read_back_as_it_was_and_by_its_owner_only(bench: Bench) {
    let ada = user();
    let job = bench.accepts(ada).await;
    assert_eq!(bench.reads(&job).await, job);
    let stranger = bench.store.job_of(user(), job.brief.id).await.unwrap();
    assert_eq!(stranger, None);
    assert_eq!(bench.store.live_count().await.unwrap(), 1);
    assert!(bench.store.has_job(job.brief.id).await.unwrap());
    let now = job.created_at;
    let silent = async |before| bench.store.silent_jobs(before).await.unwrap();
    assert_eq!(silent(now).await, []);
    let soon = now + time::Duration::milliseconds(1);
    assert_eq!(silent(soon).await, [job]);
}

async fn a_job_whose_messages_cannot_all_be_written_leaves_nothing(bench: Bench) {
    let job = job_of(user());
    let twice = [entries(&job), entries(&job)].concat();
    assert!(bench.store.accept(&job, &twice, None).await.is_err());
    let found = bench.store.job_of(job.brief.user, job.brief.id).await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(bench.store.outbox_count().await.unwrap(), 0);
}

async fn the_outbox_keeps_its_order_and_forgets_what_was_published(bench: Bench) {
    let job = bench.accepts(user()).await;
    let waiting = bench.store.outbox().await.unwrap();
    assert_eq!(waiting, entries(&job));
    bench.store.published(&waiting[0]).await.unwrap();
    assert_eq!(bench.store.outbox().await.unwrap(), waiting[1..]);
}

async fn a_list_is_newest_first_and_counts_what_the_filter_lets_through(bench: Bench) {
    let ada = user();
    let mut jobs = vec![];
    for _ in 0..3 {
        jobs.push(bench.accepts(ada).await);
    }
    bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let end = said(&jobs[0], 1, ended("MODULE_FAILURE"));
    bench.store.project(&[end]).await.unwrap();

    let ids = |page: &JobPage| page.jobs.iter().map(|job| job.brief.id).collect::<Vec<_>>();
    let mut page = Page {
        limit: 2,
        ..Page::default()
    };
    let all = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!((all.total, all.has_more), (3, true));
    assert_eq!(all.jobs, [jobs[2].clone(), jobs[1].clone()]);
    let last = all.jobs.last().unwrap();
    page.after = Some((record::millis(last.created_at), last.brief.id.to_string()));
    let behind = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!(
        (ids(&behind), behind.has_more),
        (vec![jobs[0].brief.id], false)
    );
    page.after = None;
    page.offset = 2;
    let behind = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!(
        (ids(&behind), behind.has_more),
        (vec![jobs[0].brief.id], false)
    );
    page.offset = 0;
    page.status = Some(JobStatus::Failed);
    let failed = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!((failed.total, ids(&failed)), (1, vec![jobs[0].brief.id]));
}

async fn an_ended_job_is_swept_once(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let end = said(&job, 1, ended(JOB_CANCELLED));
    bench.store.project(&[end]).await.unwrap();
    let pass = (job.brief.id, RunNumber::FIRST);
    assert_eq!(bench.store.to_sweep().await.unwrap(), [(pass, false)]);
    let now = OffsetDateTime::now_utc();
    bench.store.swept(pass, now).await.unwrap();
    assert_eq!(bench.store.to_sweep().await.unwrap(), []);
    let state = bench.reads(&job).await.state;
    assert_eq!(state.status, JobStatus::Cancelled);
    assert!(state.error.unwrap().retryable);
}

async fn a_later_pass_begins_once_with_its_tasks(bench: Bench) {
    let job = bench.accepts(user()).await;
    let id = job.brief.id;
    let entry = |name: &str| OutboxEntry {
        subject: format!("{name}.{id}"),
        payload: name.to_owned(),
    };
    let pass = NewPass {
        job: id,
        run: RunNumber(2),
        base: RunNumber::FIRST,
        from: StageKind::VideoGenerator,
        anew: vec![ClipIndex(7)],
        clips: 40,
        begin: entry("begin"),
        tasks: vec![entry("task")],
    };
    let now = OffsetDateTime::now_utc();
    assert_eq!(
        bench.store.begin_pass(&pass, None, now).await.unwrap(),
        None,
        "it runs"
    );
    bench.store.position("one").await.unwrap();
    let end = [said(&job, 3, ended(JOB_CANCELLED))];
    bench.store.project(&end).await.unwrap();

    let begun = bench
        .store
        .begin_pass(&pass, None, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(begun.brief.run, RunNumber(2));
    let read = bench.reads(&job).await;
    assert_eq!(
        (read.brief.run, read.state.status),
        (RunNumber(2), JobStatus::Queued)
    );
    assert_eq!(
        (read.state.clips_completed, read.state.clips_total),
        (39, Some(40))
    );
    assert_eq!(
        bench.store.begin_pass(&pass, None, now).await.unwrap(),
        None,
        "once"
    );
    let outbox = bench.store.outbox().await.unwrap();
    assert!(
        outbox.ends_with(&[entry("begin"), entry("task")]),
        "{outbox:?}"
    );
    let tasks = bench.store.tasks_of_pass((id, RunNumber(2))).await.unwrap();
    assert_eq!(tasks, pass.tasks);
    let progress = bench.store.progress_at(id, 900).await.unwrap();
    assert_eq!(progress, read.state.progress);
    told_as_versions(&bench, id).await;
}

async fn told_as_versions(bench: &Bench, id: JobId) {
    let versions = bench.store.versions(id).await.unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|version| (version.run.0, version.status, version.base))
        .collect();
    let first = (1, JobStatus::Cancelled, None);
    let second = (2, JobStatus::Queued, Some(RunNumber::FIRST));
    assert_eq!(told, [first, second]);
    assert_eq!(versions[1].anew, Some(vec![ClipIndex(7)]));
}

async fn a_waiting_job_knows_its_place_and_the_pace(bench: Bench) {
    let (first, second) = (bench.accepts(user()).await, bench.accepts(user()).await);
    let queue = async |job: &Job| bench.store.queue_of(job).await.unwrap();
    assert_eq!(queue(&first).await.position, 1);
    assert_eq!(queue(&second).await.position, 2);
    assert_eq!(queue(&second).await.estimated_wait, None);
    for status in ["completed", "processing"] {
        let made = job_of(user());
        bench
            .store
            .accept(&made, &entries(&made), None)
            .await
            .unwrap();
        let sql = "UPDATE jobs SET status = $1, completed_at = 31000 WHERE id = $2";
        sqlx::query(sql)
            .bind(status)
            .bind(made.brief.id.to_string())
            .execute(&bench.store.connections.writer())
            .await
            .unwrap();
    }
    bench
        .sql("UPDATE job_stages SET started_at = 1000 WHERE stage = 'audio_parser'")
        .await;
    // What others wrote counts after a second at the latest, and at once when the queue moves here.
    bench.store.position("one").await.unwrap();
    let begun = said(&first, 1, progress(3));
    bench.store.project(&[begun]).await.unwrap();
    assert_eq!(queue(&second).await.position, 1);
    assert_eq!(queue(&second).await.estimated_wait, Some(15.0));
}
