# nginx as Debian has it. Its settings are mounted; it runs as a user who may not bind low ports, and need not.
ARG BASE
FROM ${BASE}
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends nginx-light \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /etc/nginx/sites-enabled /var/www \
 && mkdir -p /var/log/nginx
COPY answers /usr/local/bin/answers
USER 10101:10101
STOPSIGNAL SIGQUIT
CMD ["nginx", "-c", "/etc/nora/nginx/nginx.conf", "-e", "stderr"]
