//! Tokens that are checked by published keys, with an identity provider of the test's own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use gateway::JwksPace;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;
use tokio::net::TcpListener;

use crate::app::{PATIENCE, TestApp, assert_problem};

const USER: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
const ISSUER: &str = "https://abc.example/auth/v1";

/// A key pair with a name.
struct Pair {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: &'static str,
}

impl Pair {
    fn es256(kid: &'static str) -> Self {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .unwrap();
        Self {
            key: EncodingKey::from_ec_der(document.as_ref()),
            algorithm: Algorithm::ES256,
            kid,
        }
    }

    fn rs256(kid: &'static str) -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let document = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'static>>::as_der(&pair).unwrap();
        // The RSA key within PKCS#8, behind 26 bytes that say that it is one.
        Self {
            key: EncodingKey::from_rsa_der(&document.as_ref()[26..]),
            algorithm: Algorithm::RS256,
            kid,
        }
    }

    fn published(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        key.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(key).unwrap()
    }

    fn header(&self) -> Header {
        Header {
            kid: Some(self.kid.to_owned()),
            ..Header::new(self.algorithm)
        }
    }

    fn token(&self) -> String {
        self.signs(&self.header(), &claims())
    }

    fn signs(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }
}

fn claims() -> Value {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    json!({ "sub": USER, "aud": "authenticated", "exp": now + 600, "iss": ISSUER, "role": "authenticated" })
}

/// What the address of the keys does.
#[derive(Clone)]
enum Does {
    Publish(Value),
    Fail,
    SendPage,
    SendTooMuch,
    Redirect,
    Stall,
}

/// An address that keys are published at.
struct Provider {
    url: String,
    asked: Arc<AtomicUsize>,
    does: Arc<Mutex<Does>>,
}

impl Provider {
    async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let does = Arc::new(Mutex::new(does));
        let router = Router::new()
            .fallback(answer)
            .with_state((Arc::clone(&asked), Arc::clone(&does)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked, does }
    }

    async fn publishing(pairs: &[&Pair]) -> Self {
        Self::start(published(pairs)).await
    }

    fn now(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits for two more fetches: the second began after this was called.
    async fn is_asked_again(&self) {
        let before = self.asked();
        eventually("the keys are fetched again", PATIENCE, async || {
            (self.asked() >= before + 2).then_some(())
        })
        .await;
    }
}

fn published(pairs: &[&Pair]) -> Does {
    Does::Publish(json!({ "keys": pairs.iter().map(|pair| pair.published()).collect::<Vec<_>>() }))
}

async fn answer(State((asked, does)): State<(Arc<AtomicUsize>, Arc<Mutex<Does>>)>) -> Response {
    asked.fetch_add(1, Ordering::SeqCst);
    let does = does.lock().unwrap().clone();
    match does {
        Does::Publish(set) => set.to_string().into_response(),
        Does::Fail => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Does::SendPage => "<html>sign in</html>".into_response(),
        Does::SendTooMuch => Body::from(vec![b' '; 10_000_000]).into_response(),
        Does::Redirect => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        Does::Stall => std::future::pending().await,
    }
}

async fn app_asking(provider: &Provider, pace: JwksPace) -> TestApp {
    let url = provider.url.parse().unwrap();
    TestApp::start_with(|config| {
        config.auth.secret = None;
        config.auth.jwks_url = Some(url);
        config.auth.issuer = Some(ISSUER.to_owned());
        config.auth.pace = pace;
    })
    .await
}

/// Fetches as often as it may.
const EAGER: JwksPace = JwksPace {
    refresh: Duration::from_millis(20),
    at_least: Duration::from_millis(10),
    ..JwksPace::HOUSE
};

async fn asks(app: &TestApp, token: &str) -> reqwest::Response {
    app.request(Method::GET, "/api/v1/jobs")
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
}

async fn is_accepted(app: &TestApp, token: &str) {
    eventually("the token is accepted", PATIENCE, async || {
        (asks(app, token).await.status() == 200).then_some(())
    })
    .await;
}

async fn is_refused(app: &TestApp, token: &str) {
    assert_problem(asks(app, token).await, 401, "token-invalid").await;
}

#[tokio::test]
async fn tokens_of_published_keys_are_accepted_and_no_forgery_is() {
    let (curve, rsa) = (Pair::es256("curve"), Pair::rs256("rsa"));
    let provider = Provider::publishing(&[&curve, &rsa]).await;
    let app = app_asking(&provider, JwksPace::HOUSE).await;
    is_accepted(&app, &curve.token()).await;
    is_accepted(&app, &rsa.token()).await;

    let stranger = Pair::es256("curve");
    is_refused(&app, &stranger.token()).await;
    // The public key as a shared secret.
    for pair in [&curve, &rsa] {
        let header = Header {
            kid: Some(pair.kid.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let public = EncodingKey::from_secret(pair.published().to_string().as_bytes());
        is_refused(
            &app,
            &jsonwebtoken::encode(&header, &claims(), &public).unwrap(),
        )
        .await;
    }
    // A key's name with another's signature, and no name at all.
    let renamed = Header {
        kid: Some("curve".to_owned()),
        ..Header::new(Algorithm::RS256)
    };
    is_refused(&app, &rsa.signs(&renamed, &claims())).await;
    is_refused(
        &app,
        &curve.signs(&Header::new(Algorithm::ES256), &claims()),
    )
    .await;
    for (name, value) in [
        ("iss", json!("https://evil.example/auth/v1")),
        ("iss", json!(null)),
        ("aud", json!("anon")),
        ("role", json!("service_role")),
        ("exp", json!(1)),
        ("sub", json!("ada")),
    ] {
        let mut claims = claims();
        claims[name] = value;
        is_refused(&app, &curve.signs(&curve.header(), &claims)).await;
    }
    // r = s = 0.
    let token = curve.token();
    let head = token.rsplit_once('.').unwrap().0;
    is_refused(&app, &format!("{head}.{}", "A".repeat(86))).await;
}

#[tokio::test]
async fn a_token_that_brings_a_key_or_an_address_makes_the_gateway_ask_nobody() {
    let (known, own) = (Pair::es256("known"), Pair::es256("own"));
    let provider = Provider::publishing(&[&known]).await;
    let canary = Provider::publishing(&[&own]).await;
    let app = app_asking(&provider, JwksPace::HOUSE).await;
    is_accepted(&app, &known.token()).await;
    let embedded = Header {
        jwk: Some(serde_json::from_value(own.published()).unwrap()),
        ..own.header()
    };
    let elsewhere = Header {
        jku: Some(canary.url.clone()),
        x5u: Some(canary.url.clone()),
        ..own.header()
    };
    for header in [embedded, elsewhere] {
        is_refused(&app, &own.signs(&header, &claims())).await;
    }
    assert_eq!(canary.asked(), 0);
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_thousand_tokens_of_unknown_keys_bring_no_fetch_forward() {
    let known = Pair::es256("known");
    let provider = Provider::publishing(&[&known]).await;
    let app = app_asking(&provider, JwksPace::HOUSE).await;
    is_accepted(&app, &known.token()).await;
    let long: &'static str = "k".repeat(6_000).leak();
    let kids = ["../../etc/passwd", "' OR 1=1 --", long, "x"];
    let unknown: Vec<_> = kids.into_iter().map(Pair::es256).collect();
    let begun = std::time::Instant::now();
    for number in 0..1000 {
        is_refused(&app, &unknown[number % unknown.len()].token()).await;
    }
    // One a half-minute at most, beside the first.
    let most = 1 + begun.elapsed().as_secs() as usize / 30;
    assert!(provider.asked() <= most, "{}", provider.asked());
}

#[tokio::test]
async fn a_new_key_counts_after_the_next_fetch_and_a_withdrawn_one_no_longer() {
    let (old, new) = (Pair::es256("old"), Pair::es256("new"));
    let provider = Provider::publishing(&[&old]).await;
    // No fetch but those that a token of an unknown key asks for.
    let pace = JwksPace {
        refresh: Duration::from_hours(1),
        ..EAGER
    };
    let app = app_asking(&provider, pace).await;
    is_accepted(&app, &old.token()).await;
    provider.now(published(&[&new]));
    is_refused(&app, &new.token()).await;
    is_accepted(&app, &new.token()).await;
    // A token that was not seen before: those that were, count for a minute at most.
    let mut claims = claims();
    claims["jti"] = json!("another");
    is_refused(&app, &old.signs(&old.header(), &claims)).await;
}

#[tokio::test]
async fn while_the_keys_cannot_be_fetched_the_last_ones_count_and_without_any_the_answer_is_503() {
    let pair = Pair::es256("known");
    let many = json!({ "keys": (0..100_000).map(|_| json!({})).collect::<Vec<_>>() });
    let wrong = [
        Does::Fail,
        Does::SendPage,
        Does::SendTooMuch,
        Does::Publish(many),
        Does::Redirect,
    ];
    let provider = Provider::start(Does::Fail).await;
    let app = app_asking(&provider, EAGER).await;
    for does in &wrong {
        provider.now(does.clone());
        provider.is_asked_again().await;
        let answer = asks(&app, &pair.token()).await;
        assert!(answer.headers().contains_key("retry-after"));
        assert_problem(answer, 503, "unavailable").await;
    }
    provider.now(published(&[&pair]));
    is_accepted(&app, &pair.token()).await;
    for does in wrong {
        provider.now(does);
        provider.is_asked_again().await;
        let mut claims = claims();
        claims["jti"] = json!(provider.asked());
        let fresh = pair.signs(&pair.header(), &claims);
        assert_eq!(asks(&app, &fresh).await.status(), 200);
    }
    // An address that says nothing holds nobody up.
    provider.now(Does::Stall);
    let before = provider.asked();
    eventually("the address is asked", PATIENCE, async || {
        (provider.asked() > before).then_some(())
    })
    .await;
    assert_eq!(asks(&app, &pair.token()).await.status(), 200);
}

#[tokio::test]
async fn a_set_that_is_too_old_counts_no_longer() {
    let pair = Pair::es256("known");
    let provider = Provider::publishing(&[&pair]).await;
    let keep = Duration::from_millis(300);
    let app = app_asking(&provider, JwksPace { keep, ..EAGER }).await;
    is_accepted(&app, &pair.token()).await;
    provider.now(Does::Fail);
    let mut number = 0;
    eventually("the old set counts no longer", PATIENCE, async || {
        number += 1;
        let mut claims = claims();
        claims["jti"] = json!(number);
        let fresh = pair.signs(&pair.header(), &claims);
        (asks(&app, &fresh).await.status() == 503).then_some(())
    })
    .await;
}
