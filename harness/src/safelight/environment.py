"""`safelight env`: the variables with which other tools reach the stack."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess

from safelight import deployed

# They belong to other credentials than those of a local stack, and would go with them.
_STRAY = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    deployed.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    deployment = deployed.chosen(options)
    stray = [name for name in _STRAY if name in os.environ and deployment.endpoint_url]
    if stray:
        print(f"unset {' '.join(stray)}")
    for name, value in deployment.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    if deployment.endpoint_url and _needs_option():
        print('aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }')
    return 0


def _needs_option() -> bool:
    """Whether the installed AWS command line is one that does not look at AWS_ENDPOINT_URL.

    Versions before 1.29 and 2.13 (July 2023) know only the option; Debian 12 has 2.9.
    """
    if shutil.which("aws") is None:
        return False
    done = subprocess.run(["aws", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"aws-cli/([0-9]+)\.([0-9]+)", done.stdout + done.stderr)
    if found is None:
        return False
    version = (int(found[1]), int(found[2]))
    return version < (1, 29) or (2, 0) <= version < (2, 13)
