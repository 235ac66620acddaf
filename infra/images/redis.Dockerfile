# Redis as Debian has it.
ARG BASE
FROM ${BASE}
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends redis-server \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /etc/redis/redis.conf
COPY redis.conf /etc/nora/redis.conf
USER 10109:10109
CMD ["redis-server", "/etc/nora/redis.conf"]
