# Can a build reach the package index? Any package that is always there will do; pip is the one that needs no other.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN --mount=type=secret,id=pip --mount=type=secret,id=ca \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_DEFAULT_TIMEOUT=15 pip download --quiet --no-deps --no-cache-dir --retries 1 pip -d /tmp/probe
