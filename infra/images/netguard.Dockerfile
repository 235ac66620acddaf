# The host's guard: our app, and the one program that it runs.
ARG BASE
FROM ${BASE}
USER 0:0
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends iptables \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
COPY guarding /usr/local/bin/guarding
