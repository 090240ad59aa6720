"""The command ``thumbnailer``: ``render`` files on disk, or be a ``worker`` on a queue."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gallery.originals import FROM_LOOSE_TO_STRICT
from thumbnailer.settings import Settings, SettingsError

_OK, _SOME_REJECTED, _USAGE = 0, 1, 2

_RENDER: Final = """\
Render photos into a folder and print one line of JSON for each file.

A line has "file", "ok", "error" (why it was rejected, and what to do), "source" (width, height,
format), "renditions" (width, height, bytes, path) and "exif", and further "taken", "title",
"description" and "placeholder"; with --originals stripped also "stripped" (bytes, path; or error:
why there is no copy without private metadata).  Folders are searched for files, also below.

Exit status: 0 if every file was rendered, 1 if some were rejected, 2 if the command cannot run
(options, the output folder)."""

# Option, variable, metavar, help.  The variable's form is the option's: one parser for both.
_OPTIONS: Final = (
    ("--edges", "SAFELIGHT_EDGES", "PX,PX,…", "the renditions' longest edges"),
    ("--quality", "SAFELIGHT_QUALITY", "N", "JPEG quality, 1 to 95"),
    ("--max-bytes", "SAFELIGHT_MAX_BYTES", "N", "the largest file, in bytes"),
    ("--max-pixels", "SAFELIGHT_MAX_PIXELS", "N", "the most pixels of a photo"),
    ("--max-seconds", "SAFELIGHT_MAX_SECONDS", "S", "the longest that one photo may take"),
    ("--max-memory", "SAFELIGHT_MAX_MEMORY", "N", "the most memory to decode one, in bytes"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (the process's own by default); returns the exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser(worker=given[:1] == ["worker"]).parse_args(given)
    try:
        if arguments.command == "worker":
            from thumbnailer.worker import main as worker_main

            return worker_main(arguments)
        return _render(arguments)
    except SettingsError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has seen enough (head).  Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


def _parser(*, worker: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="thumbnailer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    render = commands.add_parser(
        "render",
        help="render files into a folder",
        description=_RENDER,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    render.add_argument("files", nargs="+", type=Path, metavar="FILE", help="photos or folders")
    render.add_argument("--out", required=True, type=Path, metavar="DIR", help="where to")
    render.add_argument(
        "--jobs",
        type=_jobs,
        default=_processors(),
        metavar="N",
        help="photos at a time (default: one a processor, here %(default)s)",
    )
    for option, variable, metavar, help_ in _OPTIONS:
        render.add_argument(
            option, dest=variable, metavar=metavar, help=f"{help_} (also: {variable})"
        )
    render.add_argument(
        "--keep-location",
        dest="SAFELIGHT_KEEP_LOCATION",
        action="store_const",
        const="1",
        help="renditions keep GPS (also: SAFELIGHT_KEEP_LOCATION=1)",
    )
    render.add_argument(
        "--originals",
        dest="SAFELIGHT_ORIGINALS",
        choices=FROM_LOOSE_TO_STRICT,
        help="stripped: also write a copy of each file without location and other private "
        "metadata, pixels untouched (also: SAFELIGHT_ORIGINALS)",
    )
    queue = commands.add_parser(
        "worker",
        help="render what a queue says, without Lambda",
        description="Long-poll the queue and render what it says, until SIGTERM.",
    )
    if worker:
        # Only then: the worker needs boto3, which a folder on disk does not.
        from thumbnailer.worker import add_arguments

        add_arguments(queue)
    return parser


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _jobs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("give a number from 1 to 64")
    return number


def _render(arguments: argparse.Namespace) -> int:
    from thumbnailer import contact
    from thumbnailer.darkroom import DarkroomUnavailable

    given = {k: v for k, v in vars(arguments).items() if k.startswith("SAFELIGHT_") and v}
    settings = Settings.from_env({**os.environ, **given})
    out: Path = arguments.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or "its name cannot be used"
        return _refuse(f"--out {out}: cannot write there ({detail}); name another folder")
    rejected = 0
    try:
        for line in contact.render(
            contact.frames(arguments.files, out), out, settings, arguments.jobs
        ):
            rejected += not line["ok"]
            sys.stdout.buffer.write(contact.json_line(line).encode() + b"\n")
            sys.stdout.buffer.flush()
    except DarkroomUnavailable as error:
        return _refuse(str(error))
    return _SOME_REJECTED if rejected else _OK


def _refuse(message: str) -> int:
    sys.stderr.buffer.write(f"thumbnailer: {message}\n".encode("utf-8", "backslashreplace"))
    return _USAGE


if __name__ == "__main__":
    sys.exit(main())
