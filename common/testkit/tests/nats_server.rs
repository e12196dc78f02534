//! The server that tests are given is there, is their own, and comes back where it was.

use testkit::NatsServer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What a server greets with, or `None` where nobody listens.
async fn greeting(server: &NatsServer) -> Option<String> {
    let url = server.url();
    let stream = TcpStream::connect(url.trim_start_matches("nats://"))
        .await
        .ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.ok()?;
    Some(line)
}

#[tokio::test]
async fn each_test_has_a_server_of_its_own_with_jetstream() {
    let (one, other) = tokio::join!(NatsServer::start(), NatsServer::start());
    assert_ne!(one.url(), other.url());
    for server in [&one, &other] {
        let greeting = greeting(server).await.unwrap();
        assert!(greeting.contains(r#""jetstream":true"#), "{greeting}");
    }
}

#[tokio::test]
async fn a_restarted_server_is_back_on_its_port_and_a_dropped_one_is_gone() {
    let mut server = NatsServer::start().await;
    let url = server.url();
    server.kill().await;
    assert_eq!(greeting(&server).await, None);
    server.restart().await;
    assert_eq!(server.url(), url);
    assert!(greeting(&server).await.is_some());

    drop(server);
    testkit::eventually(
        "the port is free",
        std::time::Duration::from_secs(20),
        async || {
            TcpStream::connect(url.trim_start_matches("nats://"))
                .await
                .is_err()
                .then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn a_configuration_is_obeyed() {
    let conf = r#"authorization { users = [ { user: ada, password: "a long secret" } ] }"#;
    let server = NatsServer::start_with(conf).await;
    let url = server.url();
    let stream = TcpStream::connect(url.trim_start_matches("nats://"))
        .await
        .unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    stream.write_all(b"CONNECT {}\r\nPING\r\n").await.unwrap();
    line.clear();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.contains("Authorization Violation"), "{line}");
}
