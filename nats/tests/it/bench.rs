//! A server with the topology, and connections to it.

use async_nats::jetstream::{self, Context};
use model::{JobId, RunNumber, StageKind, TaskId};
use nats::ServerAddress;
use nats::server::{Passwords, ServerSettings, server_conf};
use nats::users::Role;
use testkit::NatsServer;

pub(crate) fn job() -> JobId {
    "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap()
}

pub(crate) fn task(stage: StageKind) -> TaskId {
    TaskId::of_stage(stage, job(), RunNumber::FIRST)
}

/// An open server with the topology applied.
pub(crate) async fn open() -> (NatsServer, Context) {
    let server = NatsServer::start().await;
    let jetstream = connected(&ServerAddress::open(server.url())).await;
    nats::apply(&jetstream).await.unwrap();
    (server, jetstream)
}

pub(crate) async fn connected(address: &ServerAddress) -> Context {
    jetstream::new(nats::connect(address, "test").await.unwrap())
}

/// A server with a user for each role, each with its own name as password, and the topology applied.
pub(crate) async fn guarded() -> NatsServer {
    let settings = ServerSettings {
        listen: "127.0.0.1:0".to_owned(),
        monitor: None,
        passwords: Passwords::of(|role| nats::server::Password::Literal(password(role))),
        ..ServerSettings::container()
    };
    // The test's server has a folder of its own.
    let conf = server_conf(&settings).replace("store_dir: \"/data\"\n", "");
    let server = NatsServer::start_with(&conf).await;
    let admin = connected(&address(&server, Role::Admin)).await;
    nats::apply(&admin).await.unwrap();
    server
}

pub(crate) fn address(server: &NatsServer, role: Role) -> ServerAddress {
    ServerAddress {
        url: server.url(),
        user: Some(role.user().to_owned()),
        password: Some(password(role)),
    }
}

fn password(role: Role) -> String {
    format!("secret of \"{role}\"")
}
