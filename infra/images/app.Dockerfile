# api, worker, migrate, Postgres and the guards of the engine: our services, the Node they run on, and nothing else.
# The context is what app-files.mjs lists.
ARG BASE
FROM ${BASE}
ENV PATH=/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    LANG=C.UTF-8 TZ=UTC
COPY . /app
WORKDIR /app
USER 65534:65534
