#!/bin/sh
# The image of PostgreSQL runs it when it makes the database: the daemon's role exists before `notifier migrate`, with a password.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v password="$(cat /run/secrets/runtime-password)" <<'SQL'
CREATE ROLE notifier_runtime LOGIN PASSWORD :'password';
SQL
