//! What is bought is charged once, whatever dies, and never beyond the budget: S1 to S4 of the matrix,
//! against a provider that charges and the ledger of a real server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;
use model::{EventBody, RunNumber, StageKind, Usd};
use runtime::ledger::{EntryState, LedgerError, Refusal};
use runtime::worker::ClaimState;
use runtime::{Bought, Ledgers, NotBought, Purchase, StageContext, StageError, Terms};
use serde::Deserialize;
use testkit::provider::{Manner, Provider};
use tokio::sync::Notify;

use crate::bench::{Bench, SOON};
use crate::toys::Planner;

/// A third of the budget of a job of the bench.
const PRICE: u64 = 300_000;
const ITEM: &str = "plan";

impl Bench {
    fn ledgers(&self) -> Ledgers {
        Ledgers::new(self.jetstream.clone(), self.artifacts())
    }

    fn budget(&self) -> Usd {
        self.brief().budget
    }

    /// Completes when a worker has given a task back.
    async fn given_back(&self, task: &model::TaskId) {
        let is_released = async || {
            let claim = self.claim(task).await?;
            (claim.state == ClaimState::Released).then_some(())
        };
        testkit::eventually("the task is given back", SOON, is_released).await;
    }

    /// The one purchase of the job.
    async fn state_of(&self, name: &str) -> EntryState {
        let ledger = self.ledgers().read(self.job).await.unwrap().unwrap();
        ledger.entries()[name].state
    }
}

/// Calls the provider as a client does that knows idempotency keys.
async fn call(url: String, terms: Terms) -> Result<Bought<String>, NotBought> {
    #[derive(Deserialize)]
    struct Answer {
        made: String,
        micros: u64,
    }
    let lost = |error: reqwest::Error| {
        NotBought::OutcomeUnknown(StageError::retry("calling the toy provider", error))
    };
    let request = reqwest::Client::new()
        .post(url)
        .header("Idempotency-Key", &terms.key)
        .send();
    let answer = request.await.map_err(lost)?;
    if !answer.status().is_success() {
        let status = answer.status().to_string();
        let error = StageError::retry("calling the toy provider", status);
        return Err(NotBought::NotCharged(error));
    }
    let Answer { made, micros } = answer.json().await.map_err(lost)?;
    Ok(Bought {
        value: made,
        cost: Usd::from_micros(micros),
    })
}

fn purchase() -> Purchase<'static> {
    Purchase {
        item: ITEM,
        provider: "toy",
        price: Usd::from_micros(PRICE),
        repeats: true,
    }
}

async fn buys(url: String, cx: &StageContext) -> Result<String, StageError> {
    cx.buy(purchase(), |terms| call(url, terms)).await
}

/// A planner that buys its plan, and then does what it is told, by call.
fn buyer(
    provider: &Provider,
    then: impl Fn(u32) -> Result<(), StageError> + Clone + Send + Sync + 'static,
) -> Planner {
    let url = provider.url();
    Planner::buying(move |call, cx| {
        let (url, then) = (url.clone(), then.clone());
        Box::pin(async move {
            let made = buys(url, cx).await?;
            assert!(made.starts_with("beatreel."), "{made}");
            then(call)
        })
    })
}

#[tokio::test]
async fn forty_clips_at_once_reserve_exactly_what_the_budget_holds() {
    let bench = Bench::start().await;
    let (ledgers, budget) = (bench.ledgers(), Usd::from_dollars(2000));
    let price = Usd::from_dollars(60);
    let reserving = (0..40).map(|clip| {
        let (ledgers, job) = (ledgers.clone(), bench.job);
        tokio::spawn(async move {
            let name = format!("video_generator.1.{clip}.clip");
            let reserve = |ledger: &mut runtime::Ledger| ledger.reserve(&name, "toy", price);
            ledgers.change(job, budget, reserve).await
        })
    });
    let outcomes = join_all(reserving).await;

    let reserved = outcomes.iter().flatten().filter(|outcome| outcome.is_ok());
    assert_eq!(reserved.count(), 33);
    let refused = outcomes.iter().flatten().filter_map(|o| o.as_ref().err());
    for error in refused {
        let beyond = matches!(error, LedgerError::Refused(Refusal::BeyondBudget { .. }));
        assert!(beyond, "{error}");
    }
    let ledger = ledgers.read(bench.job).await.unwrap().unwrap();
    assert_eq!(ledger.reserved(), Usd::from_dollars(1980));
    assert_eq!(ledger.left(), Usd::from_dollars(20));
}

#[tokio::test]
async fn a_purchase_is_charged_once_kept_told_and_in_the_end_of_the_job() {
    let bench = Bench::start().await;
    let provider = Provider::start(PRICE).await;
    // The first attempt fails behind its purchase.
    let toy = buyer(&provider, |call| match call {
        1 => Err(StageError::retry("planning", "no idea yet")),
        _ => Ok(()),
    });
    let _one = bench.serve("one", toy.clone());
    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!((toy.calls(), provider.calls()), (2, 1));
    let spent = bench.ledgers().spent(bench.job).await.unwrap();
    assert_eq!(spent, Usd::from_micros(PRICE));
    let mut told = bench
        .events()
        .await
        .into_iter()
        .filter_map(|event| match event {
            EventBody::CostUpdate { cost, total, .. } => Some((cost, total)),
            _ => None,
        });
    assert_eq!(told.next_back(), Some((spent, spent)));
}

#[tokio::test]
async fn a_lost_answer_keeps_its_reservation_and_is_asked_for_again_under_the_same_key() {
    let bench = Bench::start().await;
    let provider = Arc::new(Provider::start(PRICE).await);
    provider.behaves(Manner::AnswerLost);
    let seen = Arc::new(AtomicU32::new(0));
    let url = provider.url();
    let toy = Planner::buying({
        let (provider, seen) = (Arc::clone(&provider), Arc::clone(&seen));
        move |call_number, cx| {
            let (url, seen) = (url.clone(), Arc::clone(&seen));
            if call_number > 1 {
                provider.behaves(Manner::Fair);
            }
            Box::pin(async move {
                let buying = cx.buy(purchase(), |terms| {
                    seen.fetch_add(u32::from(terms.again), Ordering::SeqCst);
                    call(url, terms)
                });
                buying.await.map(|_: String| ())
            })
        }
    });
    let _one = bench.serve("one", toy);
    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(provider.calls(), 2);
    assert_eq!(
        seen.load(Ordering::SeqCst),
        1,
        "the second was told that it is one"
    );
    let charges = provider.charges();
    assert_eq!(
        charges.values().collect::<Vec<_>>(),
        [&PRICE],
        "{charges:?}"
    );
    let cost = Usd::from_micros(PRICE);
    assert_eq!(
        bench.state_of("scene_planner.1.plan").await,
        EntryState::Settled { cost }
    );
}

#[tokio::test]
async fn what_was_refused_reserves_nothing_and_a_price_beyond_the_budget_ends_the_job() {
    let bench = Bench::start().await;
    let provider = Provider::start(PRICE).await;
    provider.behaves(Manner::Refusing);
    let toy = buyer(&provider, |_| Ok(()));
    let _one = bench.serve("one", toy);
    let task = bench.submit_heard().await;
    bench.parked(&task).await;

    assert_eq!(provider.calls(), runtime::MAX_ATTEMPTS);
    let ledger = bench.ledgers().read(bench.job).await.unwrap().unwrap();
    assert_eq!((ledger.spent(), ledger.reserved()), (Usd::ZERO, Usd::ZERO));
    assert_eq!(ledger.left(), bench.budget());
}

#[tokio::test]
async fn a_price_that_doubles_is_settled_as_charged_and_stops_what_comes_next() {
    let bench = Bench::start().await;
    let provider = Provider::start(4 * PRICE).await;
    let url = provider.url();
    let toy = Planner::buying(move |_, cx| {
        let url = url.clone();
        Box::pin(async move {
            buys(url.clone(), cx).await?;
            let next = Purchase {
                item: "another",
                ..purchase()
            };
            cx.buy(next, |terms| call(url, terms))
                .await
                .map(|_: String| ())
        })
    });
    let _one = bench.serve("one", toy);
    let task = bench.submit_heard().await;
    let letter = bench.parked(&task).await;

    assert_eq!(letter.code, "BUDGET_EXCEEDED");
    assert_eq!(provider.calls(), 1);
    let spent = bench.ledgers().spent(bench.job).await.unwrap();
    assert_eq!(spent, Usd::from_micros(4 * PRICE));
}

#[tokio::test]
async fn nothing_is_bought_once_cancelling_was_answered() {
    let bench = Bench::start().await;
    let provider = Provider::start(PRICE).await;
    let ledgers = bench.ledgers();
    ledgers
        .close((bench.job, RunNumber::FIRST), bench.budget())
        .await
        .unwrap();
    let toy = buyer(&provider, |_| Ok(()));
    let _one = bench.serve("one", toy.clone());
    let task = bench.submit_heard().await;
    // It takes the closed ledger for a cancellation, and without its flag for a failure.
    bench.parked(&task).await;
    assert_eq!(toy.calls(), runtime::MAX_ATTEMPTS);
    assert_eq!(provider.calls(), 0);
}

#[tokio::test]
async fn a_ledger_that_went_with_the_brokers_store_begins_with_what_was_bought() {
    let bench = Bench::start().await;
    let provider = Provider::start(PRICE).await;
    let toy = buyer(&provider, |_| Ok(()));
    let _one = bench.serve("one", toy.clone());
    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;
    let bucket = nats::kv::Bucket::new(bench.jetstream.clone(), nats::buckets::LEDGERS);
    bucket.delete(&bench.job.to_string()).await.unwrap();

    let ledgers = bench.ledgers();
    let spent = ledgers.spent(bench.job).await.unwrap();
    assert_eq!(spent, Usd::from_micros(PRICE));
    let price = Usd::from_micros(bench.budget().micros() - PRICE + 1);
    let reserve = |ledger: &mut runtime::Ledger| ledger.reserve("more", "toy", price);
    let refused = ledgers.change(bench.job, bench.budget(), reserve).await;
    assert!(
        matches!(refused, Err(LedgerError::Refused(_))),
        "{refused:?}"
    );
}

/// A provider that answers when it is told to, and does not know keys.
#[derive(Clone, Default)]
struct Slow {
    asked: Arc<Notify>,
    answers: Arc<Notify>,
    calls: Arc<AtomicU32>,
}

impl Slow {
    fn buyer(&self) -> Planner {
        let slow = self.clone();
        Planner::buying(move |_, cx| {
            let slow = slow.clone();
            let purchase = Purchase {
                repeats: false,
                ..purchase()
            };
            let call = async move {
                slow.calls.fetch_add(1, Ordering::SeqCst);
                slow.asked.notify_one();
                slow.answers.notified().await;
                Ok(Bought {
                    value: "a plan".to_owned(),
                    cost: Usd::from_micros(PRICE),
                })
            };
            Box::pin(async move { cx.buy(purchase, |_| call).await.map(|_: String| ()) })
        })
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_call_that_is_under_way_when_its_job_is_cancelled_is_taken_in_without_the_work() {
    let bench = Bench::start().await;
    let slow = Slow::default();
    let _one = bench.serve("one", slow.buyer());
    bench.submit_heard().await;
    slow.asked.notified().await;
    bench
        .cancellations()
        .raise((bench.job, RunNumber::FIRST), "a user", "enough")
        .await
        .unwrap();
    let ledger = bench
        .ledgers()
        .close((bench.job, RunNumber::FIRST), bench.budget())
        .await
        .unwrap();
    assert_eq!(ledger.reserved(), Usd::from_micros(PRICE));
    // The work ends though there is no answer.
    bench.settled(StageKind::ScenePlanner).await;

    slow.answers.notify_one();
    let cost = Usd::from_micros(PRICE);
    testkit::eventually("it is settled and told", SOON, async || {
        let told = bench
            .events()
            .await
            .into_iter()
            .any(|event| matches!(event, EventBody::CostUpdate { total, .. } if total == cost));
        told.then_some(())
    })
    .await;
    let state = bench.state_of("scene_planner.1.plan").await;
    assert_eq!(state, EntryState::Settled { cost });
    let kept = bench.artifacts().keys_of_job(bench.job).await.unwrap();
    let answers = kept.iter().filter(|key| key.as_str().contains("/answers/"));
    assert_eq!(answers.count(), 0, "nobody will ask for it");
}

#[tokio::test]
async fn a_worker_that_is_asked_to_end_gives_its_task_back_and_takes_in_what_is_paid_for() {
    let bench = Bench::start().await;
    let slow = Slow::default();
    let mut one = bench.serve("one", slow.buyer());
    let task = bench.submit_heard().await;
    slow.asked.notified().await;
    one.shutdown.begin();
    bench.given_back(&task).await;
    let next = slow.buyer();
    let _two = bench.serve("two", next.clone());
    testkit::eventually("it runs elsewhere", SOON, async || {
        (next.calls() == 1).then_some(())
    })
    .await;
    assert!(!one.serving.is_finished());

    slow.answers.notify_one();
    (&mut one.serving).await.unwrap().unwrap();
    bench.settled(StageKind::ScenePlanner).await;
    assert_eq!(slow.calls(), 1, "the next found the answer");
    let spent = bench.ledgers().spent(bench.job).await.unwrap();
    assert_eq!(spent, Usd::from_micros(PRICE));
}

#[tokio::test]
async fn who_asks_again_learns_of_the_first_call_though_the_broker_has_lost_its_store() {
    let bench = Bench::start().await;
    let ledgers = nats::buckets::stream(nats::buckets::LEDGERS);
    let ledgers = bench.jetstream.get_stream(ledgers).await.unwrap();
    let again = Arc::new(AtomicU32::new(0));
    let told = Arc::clone(&again);
    let toy = Planner::buying(move |call, cx| {
        let (told, ledgers) = (Arc::clone(&told), ledgers.clone());
        let purchase = Purchase {
            repeats: false,
            ..purchase()
        };
        let asking = async move |terms: Terms| {
            told.fetch_add(u32::from(terms.again), Ordering::SeqCst);
            if call == 1 {
                let lost = StageError::retry("calling the toy provider", "no answer");
                return Err(NotBought::OutcomeUnknown(lost));
            }
            Ok(Bought {
                value: "nothing".to_owned(),
                cost: Usd::from_micros(PRICE),
            })
        };
        Box::pin(async move {
            let bought = cx.buy(purchase, asking).await;
            if call == 1 {
                ledgers.purge().await.unwrap();
            }
            bought.map(|_: String| ())
        })
    });
    let _one = bench.serve("one", toy);
    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;
    assert_eq!(again.load(Ordering::SeqCst), 1);
}
