# shellcheck shell=bash disable=SC2016,SC2034
# What scripts/install-docker and scripts/offline-images both need to know about the engine and its client. Sourced.

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    shift
    local line
    for line in "$@"; do printf '    %s\n' "$line" >&2; done
    exit 1
}

engine_answers() { docker info >/dev/null 2>&1; }

# The engine's own idea of the newest API it speaks, read from its socket, since a client that is too new or too old
# cannot be asked. Empty when nothing listens there.
engine_api_version() {
    python3 - /var/run/docker.sock 2>/dev/null <<'PYTHON' || true
import http.client, json, socket, sys

connection = http.client.HTTPConnection("localhost", timeout=5)
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.settimeout(5)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/version")
print(json.loads(connection.getresponse().read())["ApiVersion"])
PYTHON
}

# A `docker` that came from elsewhere may be first on PATH and speak no API version that this engine knows: clients drop
# old versions (release 29 starts at 1.44, Debian 12's engine ends at 1.41) and engines do too. Makes `docker` in this shell
# one that works, and leaves in CLIENT_EXPORT the line that does the same in the caller's shell (empty: none is needed).
CLIENT_EXPORT=
use_client_that_fits() {
    CLIENT_EXPORT=
    engine_answers && return 0

    local api directory
    api=$(engine_api_version)
    # It may have begun to answer between the two questions.
    engine_answers && return 0

    if [ -n "$api" ] && DOCKER_API_VERSION=$api docker info >/dev/null 2>&1; then
        export DOCKER_API_VERSION=$api
        CLIENT_EXPORT="export DOCKER_API_VERSION=$api"
        return 0
    fi
    for directory in /usr/bin /usr/local/bin; do
        if [ -x "$directory/docker" ] && "$directory/docker" info >/dev/null 2>&1; then
            export PATH="$directory:$PATH"
            hash -r
            CLIENT_EXPORT="export PATH=$directory:\$PATH"
            return 0
        fi
    done
    return 1
}

# Where Debian's packages come from on this machine. Never written down anywhere else: every machine has its own mirror,
# and it already knows it. Needs APT's lists (apt-get update).
debian_mirror() {
    # shellcheck source=/dev/null
    local codename uri file
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    uri=$(apt-get indextargets --format '$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -F'|' -v release="$codename" '($1 == "Debian" || $1 == "") && $2 == release && $3 == "main" { print $4; exit }')
    case $uri in
        mirror+file:* | mirror:file:*)
            # Cloud images name a file that lists mirrors; debootstrap wants one address.
            file=/${uri#*:}
            file=/${file##/}
            file=${file%/}
            uri=$(awk '!/^[[:space:]]*(#|$)/ { print $1; exit }' "$(printf '%s' "$file" | tr -s /)")
            ;;
    esac
    printf '%s' "${uri%/}"
}
