"""The command ``sitegen``: ``build`` makes a site from a folder, ``worker`` follows the queue."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gallery.originals import FROM_LOOSE_TO_STRICT, Originals
from sitegen import folder
from sitegen.look import UnfitLook


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sitegen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser(
        "build",
        help="make the site from a folder laid out like catalog/, without S3",
        description="Makes the site from a folder laid out like catalog/ in the bucket. Files that "
        "are right are not written again; files that an earlier build made and that are not part "
        "of the site any more are removed. Exits with 1 if a record could not be read or a file "
        "not written.",
    )
    build.add_argument(
        "--catalog", required=True, type=Path, metavar="DIR", help="holds photos/…/….json"
    )
    build.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the site goes")
    build.add_argument(
        "--site-url",
        metavar="URL",
        help="where the site will be published, for absolute links in feeds",
    )
    build.add_argument(
        "--originals",
        choices=FROM_LOOSE_TO_STRICT,
        default="public",
        help="what visitors may take; the settings may say something stricter (default: public)",
    )
    build.add_argument(
        "--templates",
        type=Path,
        metavar="DIR",
        default=os.environ.get("SAFELIGHT_TEMPLATES") or None,
        help="templates and assets that go before sitegen's own (default: what "
        "SAFELIGHT_TEMPLATES says, if anything)",
    )
    commands.add_parser(
        "worker", help="publish albums as their records change, from the queue", add_help=False
    )
    return parser


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _build(
    catalog: Path, out: Path, site_url: str | None, originals: Originals, templates: Path | None
) -> int:
    try:
        report = folder.build(catalog, out, site_url, originals, templates)
    except (folder.Unusable, UnfitLook, OSError) as error:
        print(f"sitegen: {_printable(str(error))}", file=sys.stderr)
        return 2
    for warning in report.warnings:
        print(f"warning: {_printable(warning)}", file=sys.stderr)
    for problem in report.errors:
        print(f"error: {_printable(problem)}", file=sys.stderr)
    counts = (len(report.written), report.unchanged, len(report.removed))
    print("{}: {} written, {} unchanged, {} removed".format(out, *counts))
    if report.errors:
        print(f"sitegen: {len(report.errors)} errors; all else was made", file=sys.stderr)
    return 1 if report.errors else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["worker"]:
        # Only the worker needs S3 and SQS.
        from sitegen import worker

        own = argparse.ArgumentParser(prog="sitegen worker", description=worker.__doc__)
        worker.add_arguments(own)
        return worker.main(own.parse_args(given[1:]))
    options = _parser().parse_args(given)
    return _build(
        options.catalog, options.out, options.site_url, options.originals, options.templates
    )


if __name__ == "__main__":
    sys.exit(main())
