# api, worker, migrate, Postgres and the guards of the engine: our services, the Node they run on, and nothing else.
# The context is what app-files.mjs lists.
ARG BASE
FROM ${BASE}
ENV PATH=/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    LANG=C.UTF-8 TZ=UTC
# initdb wants a name for its user; for the rest they are for whoever reads a list of processes.
RUN for one in api:10103 worker:10104 engine-proxy:10105 netguard:10106 migrate:10107 postgres:10108; do \
      printf 'nora-%s:x:%s:%s::/nonexistent:/usr/sbin/nologin\n' "${one%:*}" "${one#*:}" "${one#*:}" >>/etc/passwd; \
      printf 'nora-%s:x:%s:\n' "${one%:*}" "${one#*:}" >>/etc/group; \
    done
COPY infra/images/answers infra/images/answers-socket /usr/local/bin/
COPY . /app
WORKDIR /app
USER 65534:65534
