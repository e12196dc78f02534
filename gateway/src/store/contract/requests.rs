//! The promises about what a request brings beside its song: keys, time limits, webhooks.

use super::*;

on_both! {
    a_key_is_answered_once_and_says_so_for_a_day
    a_job_is_overdue_when_its_time_is_up_and_it_has_not_ended
    the_end_of_a_job_is_told_to_its_webhook_until_it_hears
    a_rotated_secret_signs_beside_the_new_one_for_a_day
}

async fn a_key_is_answered_once_and_says_so_for_a_day(bench: Bench) {
    let now = OffsetDateTime::now_utc();
    let ada = user();
    let of = |user| KeyOf {
        user,
        route: "POST /x",
        key: "one".to_owned(),
    };
    let claims = async |of: KeyOf, print: &'static str, at| {
        bench.store.claim_key(of, print, at).await.unwrap()
    };
    let Claimed::First(claim) = claims(of(ada), "a", now).await else {
        panic!("the key was free");
    };
    assert_eq!(claims(of(ada), "a", now).await, Claimed::Running);
    assert_eq!(claims(of(ada), "b", now).await, Claimed::Other);
    assert!(matches!(
        claims(of(user()), "a", now).await,
        Claimed::First(_)
    ));

    let job = job_of(ada);
    let answer = Some((&claim, "the answer"));
    bench
        .store
        .accept(&job, &entries(&job), answer)
        .await
        .unwrap();
    let again = job_of(ada);
    let twice = bench.store.accept(&again, &entries(&again), answer).await;
    assert!(matches!(twice, Err(StoreError::KeyTaken)), "{twice:?}");
    assert!(!bench.store.has_job(again.brief.id).await.unwrap());

    bench.store.release_key(&claim).await.unwrap();
    let almost = now + time::Duration::hours(23);
    let told = Claimed::Answered("the answer".to_owned());
    assert_eq!(claims(of(ada), "a", almost).await, told);
    assert!(bench.store.has_key(&of(ada), almost).await.unwrap());
    let later = now + time::Duration::hours(25);
    assert!(!bench.store.has_key(&of(ada), later).await.unwrap());
    let Claimed::First(claim) = claims(of(ada), "c", later).await else {
        panic!("the key has expired");
    };
    bench.store.release_key(&claim).await.unwrap();
    assert!(!bench.store.has_key(&of(ada), later).await.unwrap());
    // A request that has died with its gateway holds a key for seconds only; one that lives renews it.
    claims(of(ada), "d", later).await;
    let soon = later + time::Duration::seconds(21);
    let Claimed::First(alive) = claims(of(ada), "d", soon).await else {
        panic!("its request has died");
    };
    let renewed = soon + time::Duration::seconds(15);
    bench.store.renew_key(&alive, renewed).await.unwrap();
    let meanwhile = soon + time::Duration::seconds(30);
    assert_eq!(claims(of(ada), "d", meanwhile).await, Claimed::Running);
    bench
        .store
        .forget_keys(later + time::Duration::days(2))
        .await
        .unwrap();
    assert!(!bench.store.has_key(&of(ada), later).await.unwrap());
}

async fn a_job_is_overdue_when_its_time_is_up_and_it_has_not_ended(bench: Bench) {
    let mut job = job_of(user());
    job.cancel_at = Some(job.created_at + time::Duration::minutes(1));
    bench
        .store
        .accept(&job, &entries(&job), None)
        .await
        .unwrap();
    bench.accepts(user()).await;
    let overdue = async |at| bench.store.overdue(at).await.unwrap().len();
    assert_eq!(overdue(job.created_at).await, 0);
    let then = job.created_at + time::Duration::minutes(2);
    assert_eq!(overdue(then).await, 1);
    bench.store.position("one").await.unwrap();
    let end = said(&job, 1, ended(JOB_CANCELLED));
    bench.store.project(&[end]).await.unwrap();
    assert_eq!(overdue(then).await, 0);
}

/// A job with a webhook that was cancelled, and when its delivery is due.
async fn cancelled_with_a_webhook(bench: &Bench) -> (Job, OffsetDateTime) {
    let mut job = job_of(user());
    job.webhook_url = Some("https://example.org/hook".to_owned());
    let accepted = bench.store.accept(&job, &entries(&job), None).await;
    accepted.unwrap();
    bench.store.position("one").await.unwrap();
    let now = OffsetDateTime::now_utc();
    assert_eq!(bench.store.take_due(now).await.unwrap(), []);
    let end = [said(&job, 1, ended(JOB_CANCELLED))];
    for _ in 0..2 {
        bench.store.project(&end).await.unwrap();
    }
    (job, OffsetDateTime::now_utc() + time::Duration::seconds(1))
}

fn attempt(at: OffsetDateTime, http_status: Option<i64>) -> Attempt {
    Attempt {
        number: 0,
        at: record::millis(at),
        milliseconds: 12,
        http_status,
        error: Some("no".to_owned()),
    }
}

async fn the_end_of_a_job_is_told_to_its_webhook_until_it_hears(bench: Bench) {
    let (job, soon) = cancelled_with_a_webhook(&bench).await;
    let due_at = async |at| bench.store.take_due(at).await.unwrap();
    let due = due_at(soon).await;
    assert_eq!(due.len(), 1, "{due:?}");
    assert_eq!(
        (due[0].kind.as_str(), due[0].attempts),
        ("job.cancelled", 0)
    );
    assert_eq!(due_at(soon).await, [], "it is leased");

    let id = due[0].id.as_str();
    let comes_to = async |http_status, verdict| {
        let attempt = attempt(soon, http_status);
        bench.store.attempted(id, &attempt, verdict).await.unwrap();
    };
    let later = soon + time::Duration::minutes(5);
    comes_to(None, Verdict::Again(later)).await;
    assert_eq!(due_at(soon).await, []);
    assert_eq!(due_at(later).await[0].attempts, 1);
    comes_to(Some(204), Verdict::Delivered).await;
    let much_later = later + time::Duration::days(9);
    assert_eq!(due_at(much_later).await, []);

    let resend = async |id| {
        bench
            .store
            .resend(job.brief.id, id, much_later)
            .await
            .unwrap()
    };
    assert!(resend(id).await && !resend("msg_other").await);
    assert_eq!(due_at(much_later).await[0].attempts, 0);
    comes_to(Some(410), Verdict::GivenUp).await;
    let log = bench.store.deliveries_of(job.brief.id).await.unwrap();
    let (delivery, attempts) = &log[0];
    assert_eq!((log.len(), delivery.status.as_str()), (1, "failed"));
    let told: Vec<_> = attempts
        .iter()
        .map(|one| (one.number, one.http_status))
        .collect();
    assert_eq!(told, [(1, None), (2, Some(204)), (3, Some(410))]);
}

async fn a_rotated_secret_signs_beside_the_new_one_for_a_day(bench: Bench) {
    let ada = user();
    let now = OffsetDateTime::now_utc();
    let secrets = async |at| bench.store.webhook_secrets(ada, "made", at).await.unwrap();
    assert_eq!(secrets(now).await, ["made"]);
    let next_week = now + time::Duration::WEEK;
    bench
        .store
        .rotate_secret(ada, "new", next_week)
        .await
        .unwrap();
    assert_eq!(secrets(next_week).await, ["new", "made"]);
    let after = next_week + time::Duration::hours(25);
    assert_eq!(secrets(after).await, ["new"]);
    assert_eq!(
        bench
            .store
            .webhook_secrets(user(), "hers", now)
            .await
            .unwrap(),
        ["hers"]
    );
}
