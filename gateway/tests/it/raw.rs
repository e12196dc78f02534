//! What clients do that no HTTP library lets them: the gateway by raw sockets.

use std::time::Duration;

use gateway::ConnectionLimits;
use serde_json::Value;
use testkit::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{PATIENCE, TestApp};

/// So short that a test can wait for them.
fn short() -> ConnectionLimits {
    ConnectionLimits {
        head: Duration::from_millis(300),
        body: Duration::from_millis(300),
        ..ConnectionLimits::HOUSE
    }
}

async fn connect(app: &TestApp) -> TcpStream {
    let address = app.base_url.strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// All that comes until the gateway closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = vec![];
    let reading = stream.read_to_end(&mut bytes);
    // A reset is a close as well.
    let _closed = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the connection is closed");
    String::from_utf8(bytes).unwrap()
}

/// The answer is this problem, and the connection closed behind it.
fn assert_raw_problem(answer: &str, status: u16, slug: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{answer}");
    assert!(
        head.contains("content-type: application/problem+json"),
        "{answer}"
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["status"], status);
    let kind = body["type"].as_str().unwrap();
    assert!(kind.ends_with(&format!("/problems/{slug}")), "{body}");
    let id = body["request_id"].as_str().unwrap();
    assert!(head.contains(&format!("x-request-id: {id}")), "{answer}");
}

async fn ask(app: &TestApp, request: &str) -> String {
    let mut stream = connect(app).await;
    // The gateway may refuse before it has heard all.
    let _sent = stream.write_all(request.as_bytes()).await;
    rest(&mut stream).await
}

#[tokio::test]
async fn a_head_that_never_ends_is_refused_in_time() {
    let app = TestApp::start_with(|config| config.connections = short()).await;
    let mut stream = connect(&app).await;
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .await
        .unwrap();
    // A byte now and then does not buy more time.
    let (mut reader, mut writer) = stream.split();
    let mut heard = vec![];
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if writer.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        read = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut heard)) => {
            let _closed = read.expect("the connection is closed");
        }
        () = dripping => unreachable!(),
    }
    assert_raw_problem(&String::from_utf8(heard).unwrap(), 408, "request-timeout");
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let app = TestApp::start_with(|config| config.connections = short()).await;
    let mut silent = connect(&app).await;
    assert_eq!(rest(&mut silent).await, "");
    let mut once = connect(&app).await;
    once.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut once).await;
    assert!(answer.ends_with("ok"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_head_may_have_65536_bytes_and_not_one_more() {
    let app = TestApp::start().await;
    let head = |length: usize| {
        let around = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: \r\n\r\n";
        let filler = "y".repeat(length - around.len());
        around.replace("x-filler: ", &format!("x-filler: {filler}"))
    };
    let whole = ask(&app, &head(65_536)).await;
    assert!(whole.starts_with("HTTP/1.1 200 OK"), "{whole}");
    let larger = ask(&app, &head(65_537)).await;
    assert_raw_problem(&larger, 431, "headers-too-large");
}

#[tokio::test]
async fn heads_that_are_too_large_or_unreadable_are_refused_as_problems() {
    let app = TestApp::start().await;
    let many = "x-many: y\r\n".repeat(64);
    let long = "y".repeat(200_000);
    for (request, status, slug) in [
        (
            format!("GET /livez HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
            431,
            "headers-too-large",
        ),
        (
            format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n"),
            431,
            "headers-too-large",
        ),
        (
            format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
            431,
            "headers-too-large",
        ),
        ("nonsense\r\n\r\n".to_owned(), 400, "invalid-request"),
        (
            "GET /livez HTTP/1.1\r\nbad header\r\n\r\n".to_owned(),
            400,
            "invalid-request",
        ),
        (
            "GET /livez HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(),
            400,
            "invalid-request",
        ),
        (
            "POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx"
                .to_owned(),
            400,
            "invalid-request",
        ),
    ] {
        let answer = ask(&app, &request).await;
        assert_raw_problem(&answer, status, slug);
    }
}

#[tokio::test]
async fn two_lengths_of_one_body_smuggle_no_second_request() {
    let app = TestApp::start().await;
    let request = "POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\
                   transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = ask(&app, request).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let app = TestApp::start().await;
    let answer = ask(
        &app,
        "GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n\
         GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    let statuses: Vec<_> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answer[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "404", "200"]);
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_gone_and_holds_no_place() {
    let app = TestApp::start().await;
    let ada = app.user();
    let path = format!("/api/v1/jobs/{}/stream", ada.uploads().await);
    let mut half_open = vec![];
    for _ in 0..10 {
        let mut stream = connect(&app).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
            ada.token
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        half_open.push(stream);
    }
    assert_eq!(ada.get(&path).await.status(), 429);
    for stream in &mut half_open {
        stream.shutdown().await.unwrap();
    }
    eventually("the places are free", PATIENCE, async || {
        (ada.get(&path).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_body_that_drips_is_refused_and_one_that_is_announced_too_large_at_once() {
    let app = TestApp::start_with(|config| config.connections = short()).await;
    let ada = app.user();
    let head = |length: u64| {
        format!(
            "POST /api/v1/upload-audio HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: multipart/form-data; boundary=b\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n",
            ada.token
        )
    };
    // Not a byte of the body is needed.
    let mut stream = connect(&app).await;
    stream.write_all(head(20_000_000).as_bytes()).await.unwrap();
    let mut first = [0; 16];
    let reading = stream.read_exact(&mut first);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&first, b"HTTP/1.1 413 Pay");
    drop(stream);

    let mut stream = connect(&app).await;
    stream.write_all(head(100_000).as_bytes()).await.unwrap();
    stream
        .write_all(b"--b\r\ncontent-disposition: form-data; name=\"audio_file\"\r\n\r\nRIFF")
        .await
        .unwrap();
    assert_raw_problem(&rest(&mut stream).await, 408, "request-timeout");
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_json_body_that_drips_is_refused_as_well() {
    let app = TestApp::start_with(|config| config.connections = short()).await;
    let request = format!(
        "POST /api/v1/quotes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{{",
        app.user().token
    );
    assert_raw_problem(&ask(&app, &request).await, 408, "request-timeout");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let app = TestApp::start_with(|config| {
        config.connections = ConnectionLimits {
            most: 2,
            head: Duration::from_secs(30),
            ..ConnectionLimits::HOUSE
        };
    })
    .await;
    let (first, second) = (connect(&app).await, connect(&app).await);
    let mut third = connect(&app).await;
    third
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(200), third.peek(&mut byte)).await;
    assert!(early.is_err(), "there is no place yet");
    drop(first);
    assert!(rest(&mut third).await.ends_with("ok"));
    drop(second);
}

#[tokio::test]
async fn a_stop_lets_an_open_request_end_and_takes_no_new_connection() {
    let mut app = TestApp::start().await;
    let token = app.user().token;
    let mut open = connect(&app).await;
    let body = "{\"duration\": 60}";
    let request = format!(
        "POST /api/v1/quotes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    open.write_all(request.as_bytes()).await.unwrap();
    // The gateway asks for the body: the request is in its hands.
    let mut go_on = [0; 25];
    open.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let address = app.base_url.strip_prefix("http://").unwrap().to_owned();
    let finishing = async {
        eventually("no new connection is taken", PATIENCE, async || {
            TcpStream::connect(&address).await.is_err().then_some(())
        })
        .await;
        open.write_all(body.as_bytes()).await.unwrap();
        rest(&mut open).await
    };
    let ((), answer) = tokio::join!(app.stop(), finishing);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}
