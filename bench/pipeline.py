"""The embedded pipeline: ``python -m bench.pipeline [--photos N] [--megapixels M] [--json]``.

Starts an embedded stack of its own, on a port and in a folder of its own, and measures

* how many photos a second go through it: from the first byte uploaded until every one of N
  photos has its renditions and is shown by its album's page;
* how long one photo takes, with nothing else going on: from the upload's end until a browser's
  GET of the album's page has it.  Median and 95th percentile of K such uploads.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urljoin

from bench.photographs import exif, photograph
from safelight import port as ports
from safelight.embedded import EmbeddedStack
from safelight.home import Home
from safelight.stack import Deployment
from safelight.waiting import look

_DIFFERENT = 4
_PATIENCE = 1800.0


@dataclass(frozen=True)
class Measured:
    """What was measured; times in seconds."""

    photos: int
    megapixels: float
    photo_bytes: int
    upload_s: float
    settled_s: float
    photos_per_s: float
    visible_median_s: float
    visible_p95_s: float
    visible: tuple[float, ...]
    cpus: int
    python: str


def main() -> int:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=60, help="how many at once (60)")
    parser.add_argument("--one-by-one", type=int, default=20, help="how many one by one (20)")
    parser.add_argument("--megapixels", type=float, default=12, help="of each photo (12)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    bodies = _photos(options.megapixels)
    with tempfile.TemporaryDirectory() as folder:
        stack = EmbeddedStack(Home(Path(folder)), ports.unused())
        try:
            deployment = stack.up(lambda line: print(line, file=sys.stderr))
            _through(deployment, "warm up", bodies[:1], 2)
            upload, settled = _through(deployment, "at once", bodies, options.photos)
            visible = _one_by_one(deployment, bodies, options.one_by_one)
        finally:
            stack.down(lambda line: None, purge=True)
    measured = Measured(
        photos=options.photos,
        megapixels=options.megapixels,
        photo_bytes=round(statistics.mean(len(body) for body in bodies)),
        upload_s=round(upload, 2),
        settled_s=round(settled, 2),
        photos_per_s=round(options.photos / settled, 2),
        visible_median_s=round(statistics.median(visible), 2),
        visible_p95_s=round(_percentile(visible, 0.95), 2),
        visible=tuple(round(seconds, 3) for seconds in visible),
        cpus=os.cpu_count() or 1,
        python=platform.python_version(),
    )
    if options.json:
        print(json.dumps(asdict(measured), indent=2))
    else:
        print(
            f"{measured.photos} photos of {measured.megapixels:g} megapixels "
            f"({measured.photo_bytes / 1e6:.1f} MB) on {measured.cpus} CPUs\n"
            f"  through the pipeline   {measured.photos_per_s:6.2f} photos/s "
            f"({measured.settled_s:.1f} s, of which {measured.upload_s:.1f} s uploading)\n"
            f"  upload to visible      {measured.visible_median_s:6.2f} s median, "
            f"{measured.visible_p95_s:.2f} s 95th percentile of {len(visible)}"
        )
    return 0


def _photos(megapixels: float) -> list[bytes]:
    """A few photos as a camera would write them, three to two."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    found = []
    for seed in range(_DIFFERENT):
        out = io.BytesIO()
        image = photograph(round(height * 1.5), height, seed)
        image.save(out, "JPEG", quality=92, exif=exif())
        found.append(out.getvalue())
    return found


def _through(
    deployment: Deployment, album: str, bodies: list[bytes], count: int
) -> tuple[float, float]:
    """Upload ``count`` photos; seconds until they are uploaded, and until all are shown."""
    s3 = deployment.s3()
    began = time.monotonic()

    def put(number: int) -> None:
        key = f"photos/{album}/{number:05}.jpg"
        s3.put_object(Bucket=deployment.bucket, Key=key, Body=bodies[number % len(bodies)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(count)))
    uploaded = time.monotonic() - began
    until = began + _PATIENCE
    while not (state := look(deployment)).is_settled:
        if state.dead or time.monotonic() > until:
            raise SystemExit("\n".join(["The gallery did not come to rest:", *state.missing()]))
        time.sleep(0.1)
    assert state.survey.ready >= count
    return uploaded, time.monotonic() - began


def _one_by_one(deployment: Deployment, bodies: list[bytes], count: int) -> list[float]:
    s3 = deployment.s3()
    page = urljoin(deployment.gallery_url, "albums/single.html")
    found = []
    for number in range(count):
        name = f"{number:05}.jpg"
        body = bodies[number % len(bodies)]
        s3.put_object(Bucket=deployment.bucket, Key=f"photos/single/{name}", Body=body)
        began = time.monotonic()
        while f"photos/single/{name}".encode() not in _get(page):
            if time.monotonic() > began + _PATIENCE:
                raise SystemExit(f"{name} never appeared on {page}")
            time.sleep(0.02)
        found.append(time.monotonic() - began)
        while not look(deployment).is_settled:
            time.sleep(0.05)
    return found


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return b""


def _percentile(values: list[float], share: float) -> float:
    """The nearest rank: a value that was really measured."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


if __name__ == "__main__":
    sys.exit(main())
