# shellcheck shell=bash
# apt-get for scripts. Sourced.

# A machine that has just booted updates itself (apt-daily), and two scripts may run side by side. apt-get waits for
# dpkg's lock when told to (DPkg::Lock::Timeout) but never for that of the package lists, so it is asked again.
patient_apt_get() {
    local output waited=0 status
    output=$(mktemp)
    while :; do
        status=0
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" >"$output" 2>&1 || status=$?
        if [ "$status" -eq 0 ] || ! grep -q 'Could not get lock' "$output" || [ "$waited" -ge 600 ]; then break; fi
        [ "$waited" -gt 0 ] || echo "${0##*/}: another program is using APT; waiting for it" >&2
        sleep 5
        waited=$((waited + 5))
    done
    cat "$output"
    rm -f "$output"
    return "$status"
}
