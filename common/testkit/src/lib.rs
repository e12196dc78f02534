//! What tests stand on: a real nats-server each, synthetic songs, conditions with deadlines.
