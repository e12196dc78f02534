//! The rules, one by one, and under ten thousand random schedules.

use proptest::prelude::*;

use super::*;

const FIRST: Reserved = Reserved {
    submission: 1,
    again: false,
};
const AGAIN: Reserved = Reserved {
    submission: 2,
    again: true,
};
const CLIP: Usd = Usd::from_dollars(60);

fn ledger(dollars: u32) -> Ledger {
    Ledger::new(Usd::from_dollars(dollars))
}

#[test]
fn what_is_reserved_or_spent_cannot_be_reserved_again() {
    let mut ledger = ledger(130);
    assert_eq!(ledger.reserve("a", "p", CLIP), Ok(FIRST));
    assert_eq!(ledger.reserve("b", "p", CLIP), Ok(FIRST));
    let refusal = ledger.reserve("c", "p", CLIP).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "it costs $60.00, and $10.00 of the job's budget of $130.00 are left"
    );
    ledger.settle("a", CLIP).unwrap();
    assert_eq!(ledger.left(), Usd::from_dollars(10));
    ledger.release("b", 1);
    assert_eq!(ledger.left(), Usd::from_dollars(70));
    assert!(ledger.reserve("c", "p", CLIP).is_ok());
    assert_eq!((ledger.spent(), ledger.reserved()), (CLIP, CLIP));
}

#[test]
fn an_unknown_outcome_stays_reserved_and_the_next_try_takes_its_reservation_over() {
    let mut ledger = ledger(60);
    ledger.reserve("a", "p", CLIP).unwrap();
    ledger.lose("a", 1);
    assert_eq!((ledger.reserved(), ledger.left()), (CLIP, Usd::ZERO));
    assert_eq!(ledger.reserve("a", "p", CLIP), Ok(AGAIN));
    // The second was refused by the provider. The first may have been charged all the same.
    ledger.release("a", 2);
    assert_eq!(ledger.entries()["a"].state, EntryState::OutcomeUnknown);
    assert_eq!(ledger.reserved(), CLIP);
}

#[test]
fn tries_that_surely_cost_nothing_reserve_nothing_however_many_there_were() {
    let mut ledger = ledger(60);
    for submission in 1..=3 {
        let reserved = ledger.reserve("a", "p", CLIP).unwrap();
        assert_eq!((reserved.submission, reserved.again), (submission, false));
        ledger.release("a", submission);
        assert_eq!(ledger.reserved(), Usd::ZERO);
    }
}

#[test]
fn a_worker_that_was_thought_dead_changes_nothing_of_its_successors_try() {
    let mut ledger = ledger(60);
    ledger.reserve("a", "p", CLIP).unwrap();
    ledger.reserve("a", "p", CLIP).unwrap();
    ledger.release("a", 1);
    ledger.lose("a", 1);
    assert_eq!(ledger.entries()["a"].state, EntryState::Open);
    ledger.settle("a", CLIP).unwrap();
    ledger.release("a", 2);
    ledger.settle("a", Usd::ZERO).unwrap();
    assert_eq!(ledger.spent(), CLIP);
}

#[test]
fn what_was_paid_is_asked_for_again_without_a_new_reservation() {
    let mut ledger = ledger(60);
    ledger.reserve("a", "p", CLIP).unwrap();
    ledger.settle("a", CLIP).unwrap();
    assert_eq!(ledger.reserve("a", "p", CLIP), Ok(AGAIN));
    assert_eq!((ledger.spent(), ledger.reserved()), (CLIP, Usd::ZERO));
}

#[test]
fn a_price_that_was_too_low_is_settled_as_it_is_and_stops_the_next() {
    let mut ledger = ledger(130);
    ledger.reserve("a", "p", CLIP).unwrap();
    ledger.settle("a", Usd::from_dollars(120)).unwrap();
    assert_eq!(ledger.left(), Usd::from_dollars(10));
    assert!(ledger.reserve("b", "p", CLIP).is_err());
}

#[test]
fn nothing_is_bought_for_a_cancelled_job() {
    let mut ledger = ledger(100);
    ledger.reserve("a", "p", CLIP).unwrap();
    ledger.close(RunNumber::FIRST);
    assert_eq!(ledger.reserve("a", "p", CLIP), Err(Refusal::Closed));
    assert_eq!(ledger.reserve("b", "p", Usd::ZERO), Err(Refusal::Closed));
    ledger.settle("a", CLIP).unwrap();
    assert_eq!(ledger.spent(), CLIP, "what was on its way is still noted");
    assert_eq!(ledger.settle("b", CLIP), Err(Refusal::Unknown));
}

#[test]
fn a_later_pass_of_a_job_is_not_cancelled_with_the_one_before() {
    let mut ledger = ledger(200);
    let of_run = |run: u32| format!("video_generator.{run}.7.clip");
    ledger.close(RunNumber(2));
    for (run, is_closed) in [(1, true), (2, true), (3, false)] {
        let refused = ledger.reserve(&of_run(run), "p", CLIP) == Err(Refusal::Closed);
        assert_eq!(refused, is_closed, "{run}");
    }
    ledger.close(RunNumber::FIRST);
    assert_eq!(ledger.reserve(&of_run(2), "p", CLIP), Err(Refusal::Closed));
}

#[test]
fn the_form_of_a_ledger_is_frozen_and_holds_no_fraction() {
    let mut ledger = ledger(2000);
    ledger
        .reserve("video_generator.1.7.clip", "toy", Usd::from_micros(1))
        .unwrap();
    ledger
        .settle("video_generator.1.7.clip", Usd::from_micros(2))
        .unwrap();
    insta::assert_json_snapshot!(ledger, @r#"
    {
      "budget": 2000000000,
      "closed": false,
      "entries": {
        "video_generator.1.7.clip": {
          "provider": "toy",
          "price": 1,
          "submissions": 1,
          "state": "settled",
          "cost": 2
        }
      }
    }
    "#);
    let text = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
}

#[test]
fn the_key_follows_from_the_task() {
    let job = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap();
    let clip = TaskId::of_clip(job, model::RunNumber(2), model::ClipIndex(7));
    assert_eq!(
        idempotency_key(&clip, "clip"),
        format!("beatreel.{job}.video_generator.2.7.clip")
    );
}

/// One step of one of several workers.
#[derive(Debug, Clone)]
enum Step {
    Reserve,
    Settle,
    Release,
    Lose,
}

fn schedule() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        3 => Just(Step::Reserve),
        2 => Just(Step::Settle),
        1 => Just(Step::Release),
        1 => Just(Step::Lose),
    ];
    proptest::collection::vec((0usize..40, step), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_schedule_goes_beyond_the_budget_and_the_parts_are_the_whole(
        steps in schedule(),
        budget in 0u64..3_000,
        prices in proptest::collection::vec(1u64..200, 40),
    ) {
        let mut ledger = Ledger::new(Usd::from_micros(budget));
        // The submission of each purchase that its worker last held.
        let mut held = [None; 40];
        let mut charged = BTreeMap::new();
        for (purchase, step) in steps {
            let (name, price) = (purchase.to_string(), Usd::from_micros(prices[purchase]));
            match step {
                Step::Reserve => {
                    if let Ok(reserved) = ledger.reserve(&name, "p", price) {
                        held[purchase] = Some(reserved.submission);
                    }
                }
                // The provider charges by key: once, at the fixed price.
                Step::Settle if held[purchase].is_some() => {
                    charged.insert(purchase, prices[purchase]);
                    ledger.settle(&name, price).unwrap();
                }
                Step::Release => held[purchase].take().into_iter().for_each(|s| ledger.release(&name, s)),
                Step::Lose => held[purchase].take().into_iter().for_each(|s| ledger.lose(&name, s)),
                Step::Settle => {}
            }
            prop_assert!(ledger.spent().micros() + ledger.reserved().micros() <= budget);
            prop_assert_eq!(ledger.spent().micros(), charged.values().sum::<u64>());
            prop_assert_eq!(
                ledger.left().micros(),
                budget - ledger.spent().micros() - ledger.reserved().micros()
            );
        }
    }

    #[test]
    fn of_equal_clips_exactly_as_many_are_reserved_as_the_budget_holds(
        clips in 1usize..60,
        price in 1u64..100,
        budget in 0u64..3_000,
    ) {
        let mut ledger = Ledger::new(Usd::from_micros(budget));
        let reserved = (0..clips)
            .filter(|clip| ledger.reserve(&clip.to_string(), "p", Usd::from_micros(price)).is_ok())
            .count();
        prop_assert_eq!(reserved as u64, (budget / price).min(clips as u64));
    }
}
