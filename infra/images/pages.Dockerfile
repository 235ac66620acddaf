# The built console and admin app, for the nginx that serves nothing else.
ARG BASE
FROM ${BASE}
COPY console /srv/console
COPY admin /srv/admin/admin
USER 10102:10102
