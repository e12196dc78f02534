# syntax=docker/dockerfile:1
# One image, many roles: the command says which. ffmpeg comes from the distribution and is started as a
# separate program.

FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p beatreel && cp target/release/beatreel /beatreel

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    # Volumes take the owner of the folder that they are mounted on.
    && mkdir -p /data/objects /data/database /data/scratch && chown -R 65532:65532 /data
COPY --from=build /beatreel /usr/local/bin/beatreel
USER 65532:65532
ENV FFMPEG_BIN=/usr/bin/ffmpeg LOG_FORMAT=json
ENTRYPOINT ["beatreel"]
CMD ["--help"]
