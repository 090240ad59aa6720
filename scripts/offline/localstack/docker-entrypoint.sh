#!/bin/sh
# As the real image does: a variable may also be given with LOCALSTACK_ before its name, but for the names that begin so.
set -eu
for name in $(env | sed -n 's/^\(LOCALSTACK_[A-Z][A-Z0-9_]*\)=.*/\1/p'); do
    case $name in
        LOCALSTACK_HOST | LOCALSTACK_HOSTNAME | LOCALSTACK_AUTH_TOKEN) ;;
        *) eval "export ${name#LOCALSTACK_}=\"\$$name\"" ;;
    esac
done
# The supervisor is the parent that a container needs: it passes signals on and collects stray children.
exec /opt/code/localstack/.venv/bin/localstack-supervisor
