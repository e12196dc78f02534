//! The client of transcriptions against a server that answers as servers do, and as they should not.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::time::{Duration, Instant};

use model::lyrics::transcript::Transcript;
use model::{Seconds, Usd};
use providers::{OpenAiSpeech, Recording, Speech, SpeechError, SpeechSettings};
use runtime::Vars;
use tempfile::TempDir;
use testkit::{Reply, StandIn, Then, eventually};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

const WORDS: &str = r#"{"language":"english","duration":4.0,"text":"Come home",
    "words":[{"word":"Come","start":1.0,"end":1.4},{"word":"home","start":1.5,"end":2.0}],
    "segments":[{"id":0,"start":0.8,"end":2.2,"text":" Come home","avg_logprob":-0.2,"no_speech_prob":0.01}],
    "usage":{"type":"duration","seconds":4}}"#;
const KEY: &str = "beatreel.a-job.words";
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    server: StandIn,
    folder: TempDir,
    settings: SpeechSettings,
}

impl Bench {
    /// A server that takes a dollar a minute.
    async fn new(replies: Vec<Reply>) -> Self {
        let server = StandIn::start(replies).await;
        let vars = Vars::from_pairs([
            ("OPENAI_BASE_URL", server.url().as_str()),
            ("OPENAI_API_KEY", "a key"),
            ("SPEECH_PRICE_PER_MINUTE_USD", "1"),
        ]);
        let mut settings = SpeechSettings::from_vars(&vars).unwrap();
        settings.backoff = Duration::from_millis(2);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("song.wav"), b"RIFF and so on").unwrap();
        Self {
            server,
            folder,
            settings,
        }
    }

    fn recording(&self) -> Recording {
        Recording {
            file: self.folder.path().join("song.wav"),
            duration: Seconds(4.0),
        }
    }

    async fn hears(&self) -> Result<Transcript, SpeechError> {
        let client = OpenAiSpeech::new(self.settings.clone()).unwrap();
        client
            .transcribe(&self.recording(), KEY, &CancellationToken::new())
            .await
    }
}

#[tokio::test]
async fn a_song_is_sent_as_the_protocol_has_it_and_its_words_come_back_with_times_and_price() {
    let bench = Bench::new(vec![Reply::ok(WORDS)]).await;
    let heard = bench.hears().await.unwrap();
    assert_eq!(
        (heard.model.as_str(), heard.cost),
        ("whisper-1", Usd::from_micros(66_667))
    );
    assert_eq!(heard.language.as_deref(), Some("english"));
    let words = &heard.lines[0].words;
    assert_eq!(words[1], ("home".to_owned(), Some(1.5)));

    let asked = &bench.server.asked()[0];
    assert!(
        asked
            .head
            .starts_with("POST /v1/audio/transcriptions HTTP/1.1")
    );
    assert!(
        asked
            .head
            .to_lowercase()
            .contains("authorization: bearer a key")
    );
    assert!(
        asked
            .head
            .to_lowercase()
            .contains(&format!("idempotency-key: {KEY}"))
    );
    for part in [
        "name=\"file\"; filename=\"song.wav\"",
        "RIFF and so on",
        "whisper-1",
        "verbose_json",
        "name=\"timestamp_granularities[]\"\r\n\r\nword",
        "name=\"timestamp_granularities[]\"\r\n\r\nsegment",
    ] {
        assert!(asked.holds(part), "{part}");
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_when_it_says() {
    let busy = Reply::Answer(
        429,
        "retry-after: 1\r\n",
        r#"{"error":{"message":"slow down"}}"#.into(),
    );
    let broken = Reply::Answer(503, "", String::new());
    let bench = Bench::new(vec![busy, broken, Reply::ok(WORDS)]).await;
    let begun = Instant::now();
    bench.hears().await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "it came back too early"
    );
    assert_eq!(bench.server.asked().len(), 3);
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up_after_a_few_attempts_and_costs_nothing() {
    let bench = Bench::new(vec![Reply::Answer(500, "", "no".into())]).await;
    let error = bench.hears().await.unwrap_err();
    assert!(
        matches!(error, SpeechError::Busy { attempts: 4, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("status 500: no") && !error.may_cost());
    assert_eq!(bench.server.asked().len(), 4);
}

#[tokio::test]
async fn no_retry_after_keeps_a_worker_for_long_or_breaks_it() {
    for told in ["-5", "junk", "0", "1e9", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let head: &'static str = format!("retry-after: {told}\r\n").leak();
        let busy = Reply::Answer(429, head, String::new());
        let bench = Bench::new(vec![busy, Reply::ok(WORDS)]).await;
        bench.hears().await.unwrap();
    }
    // Longer than any clock counts: it is waited for, a minute, which may be cancelled.
    let head = "retry-after: 18446744073709551615\r\n";
    let bench = Bench::new(vec![Reply::Answer(429, head, String::new())]).await;
    let client = OpenAiSpeech::new(bench.settings.clone()).unwrap();
    let cancel = CancellationToken::new();
    let (first, second) = (bench.recording(), bench.recording());
    let told = async {
        let there = async || (!bench.server.asked().is_empty()).then_some(());
        eventually("the server is asked", PATIENCE, there).await;
        // Another job of the same process does not ask a server that said "not now".
        let other = tokio::time::timeout(
            Duration::from_millis(300),
            client.transcribe(&second, KEY, &cancel),
        );
        assert!(other.await.is_err(), "it asked, or gave up");
        cancel.cancel();
    };
    let (heard, ()) = tokio::join!(client.transcribe(&first, KEY, &cancel), told);
    assert!(matches!(heard, Err(SpeechError::Cancelled)), "{heard:?}");
    assert_eq!(bench.server.asked().len(), 1);
}

#[tokio::test]
async fn whatever_a_server_cannot_do_now_is_tried_four_times_and_costs_nothing() {
    for status in [408, 429, 500, 502, 503, 504] {
        let bench = Bench::new(vec![Reply::Answer(status, "", String::new())]).await;
        let error = bench.hears().await.unwrap_err();
        let busy = matches!(error, SpeechError::Busy { attempts: 4, .. });
        assert!(busy && !error.may_cost(), "{status}: {error}");
    }
    // A name that no resolver knows, and a server that does not speak TLS.
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = format!("https://{}", plain.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        while let Ok((mut client, _)) = plain.accept().await {
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let mut bench = Bench::new(vec![Reply::Cut]).await;
    for base in [secure, format!("https://{}.invalid", "a".repeat(64))] {
        bench.settings.base_url = format!("{base}/v1").parse().unwrap();
        let error = bench.hears().await.unwrap_err();
        let busy = matches!(error, SpeechError::Busy { attempts: 4, .. });
        assert!(busy && !error.may_cost(), "{base}: {error}");
        assert!(error.to_string().contains("no connection"), "{error}");
    }
    answering.abort();
}

#[tokio::test]
async fn a_refusal_is_told_and_not_repeated() {
    for (status, body, told) in [
        (401, r#"{"error":{"message":"no such key"}}"#, "no such key"),
        (400, r#"{"error":"bad file"}"#, "bad file"),
        (302, "", "302"),
    ] {
        let bench = Bench::new(vec![Reply::Answer(status, "location: /\r\n", body.into())]).await;
        let error = bench.hears().await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert!(!error.may_cost() && bench.server.asked().len() == 1);
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_sent_or_is_told_by_the_server() {
    let mut bench = Bench::new(vec![Reply::Answer(413, "", String::new())]).await;
    let error = bench.hears().await.unwrap_err();
    assert!(matches!(error, SpeechError::TooLarge { .. }), "{error}");
    bench.settings.max_bytes = 5;
    let error = bench.hears().await.unwrap_err();
    assert!(
        matches!(
            error,
            SpeechError::TooLarge {
                bytes: 14,
                limit: 5
            }
        ),
        "{error}"
    );
    assert_eq!(bench.server.asked().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_that_costs_money_is_not_asked_for_again() {
    let raw = |text: &str, then| Reply::Raw(text.as_bytes().to_vec(), then);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    for reply in [
        Reply::Cut,
        Reply::Half(WORDS.to_owned()),
        Reply::Silence,
        raw(head, Then::Silence),
        raw(head, Then::Drip(Duration::from_millis(50))),
        raw(head, Then::Reset),
        raw("", Then::Reset),
    ] {
        let mut bench = Bench::new(vec![reply.clone(), Reply::ok(WORDS)]).await;
        bench.settings.timeout = Duration::from_millis(400);
        let error = bench.hears().await.unwrap_err();
        assert!(
            matches!(error, SpeechError::Unknown { .. }),
            "{reply:?}: {error}"
        );
        assert!(error.may_cost() && bench.server.asked().len() == 1);
        // A server of one's own costs nothing, and may be asked again.
        bench.settings.per_minute = Usd::ZERO;
        bench.hears().await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_stalls_is_given_up_long_before_the_time_of_a_whole_one() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_vec();
    let mut bench = Bench::new(vec![Reply::Raw(head, Then::Silence)]).await;
    bench.settings.idle = Duration::from_millis(100);
    let error = bench.hears().await.unwrap_err();
    assert!(matches!(error, SpeechError::Unknown { .. }), "{error}");
    assert!(error.to_string().contains("stalled"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_told_and_may_have_cost() {
    let deep = "[".repeat(100_000);
    let wide = format!("[0{}]", ",0".repeat(900_000));
    for body in [
        "<html>a proxy</html>",
        r#"{"text":"no times"}"#,
        "",
        "[]",
        &WORDS[..WORDS.len() / 2],
        r#"{"words":[{"word":"a","start":NaN,"end":1}]}"#,
        r#"{"words":[{"word":"a","start":1e999,"end":1}]}"#,
        r#"{"words":"none"}"#,
        &deep,
        &format!(r#"{{"words":{deep}"#),
        &wide,
    ] {
        let bench = Bench::new(vec![Reply::ok(body)]).await;
        let error = bench.hears().await.unwrap_err();
        assert!(matches!(error, SpeechError::Answer { .. }), "{error}");
        assert!(error.may_cost() && bench.server.asked().len() == 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_endless_huge_or_packed_is_not_read() {
    let endless = "HTTP/1.1 200 OK\r\n\r\n";
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 5368709120\r\n\r\n";
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n";
    for (head, then, told) in [
        (endless, Then::Flood, "more than 2097152 bytes"),
        (huge, Then::Silence, "more than 2097152 bytes"),
        (packed, Then::Silence, "packed as \"gzip\""),
    ] {
        let bench = Bench::new(vec![Reply::Raw(head.into(), then)]).await;
        let error = bench.hears().await.unwrap_err();
        assert!(matches!(error, SpeechError::Answer { .. }), "{error}");
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(bench.server.asked().len(), 1);
    }
}

#[tokio::test]
async fn nobody_there_is_told_and_costs_nothing() {
    let mut bench = Bench::new(vec![Reply::Cut]).await;
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", port.local_addr().unwrap());
    drop(port);
    bench.settings.base_url = address.parse().unwrap();
    let error = bench.hears().await.unwrap_err();
    assert!(
        error.to_string().contains("no connection") && !error.may_cost(),
        "{error}"
    );
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_its_key_where_a_key_is_charged_once() {
    let mut bench = Bench::new(vec![Reply::Cut, Reply::ok(WORDS)]).await;
    bench.settings.idempotent = true;
    bench.hears().await.unwrap();
    let asked = bench.server.asked();
    let with_key = |asked: &&testkit::Asked| asked.head.to_lowercase().contains(KEY);
    assert_eq!(asked.iter().filter(with_key).count(), 2);

    // What was lost once may have been charged, whatever the server says later.
    let refused = Reply::Answer(400, "", "no".into());
    for then in [Reply::Answer(429, "", "no".into()), refused] {
        let mut bench = Bench::new(vec![Reply::Cut, then]).await;
        bench.settings.idempotent = true;
        let error = bench.hears().await.unwrap_err();
        assert!(error.may_cost(), "{error}");
    }
}

#[tokio::test]
async fn a_cancelled_song_that_costs_nothing_is_let_go_at_once() {
    let mut bench = Bench::new(vec![Reply::Silence]).await;
    bench.settings.per_minute = Usd::ZERO;
    let heard = bench.cancelled_while_asking().await;
    assert!(matches!(heard, Err(SpeechError::Cancelled)), "{heard:?}");
}

#[tokio::test]
async fn an_answer_that_is_paid_for_is_waited_for_when_the_song_is_cancelled() {
    let mut bench = Bench::new(vec![Reply::Silence, Reply::ok(WORDS)]).await;
    bench.settings.timeout = Duration::from_millis(400);
    bench.settings.idempotent = true;
    let heard = bench.cancelled_while_asking().await;
    assert!(heard.is_err_and(|error| error.may_cost()));
    assert_eq!(bench.server.asked().len(), 1, "nothing more is asked for");
}

impl Bench {
    /// What comes of it when `cancel` is raised once the server has been asked.
    async fn cancelled_while_asking(&self) -> Result<Transcript, SpeechError> {
        let client = OpenAiSpeech::new(self.settings.clone()).unwrap();
        let cancel = CancellationToken::new();
        let recording = self.recording();
        let asked = async {
            let there = async || (!self.server.asked().is_empty()).then_some(());
            eventually("the server is asked", PATIENCE, there).await;
            cancel.cancel();
        };
        let (heard, ()) = tokio::join!(client.transcribe(&recording, KEY, &cancel), asked);
        heard
    }
}
