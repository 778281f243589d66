#!/bin/sh
# Invents the passwords that compose.yaml reads, once: they are in the database afterwards. Readable by all, because the containers' users
# have other numbers than yours; the folder is what keeps others out.
set -eu
cd "$(dirname "$0")"
mkdir -m 700 secrets
word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
owner=$(word) runtime=$(word)
umask 022
printf %s "$owner" >secrets/owner-password
printf %s "$runtime" >secrets/runtime-password
printf %s "postgres://owner:$owner@postgres:5432/clinic" >secrets/owner-url
printf %s "postgres://notifier_runtime:$runtime@postgres:5432/clinic" >secrets/runtime-url
word >secrets/jwt-secret
