"""Images that are made twice are one image."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from safelight import layers


def tarball(files: dict[str, bytes], *, mtime: int, order: int = 1) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in sorted(files)[::order]:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(files[name]), mtime, "builder"
            archive.addfile(info, io.BytesIO(files[name]))
    return out.getvalue()


def saved(path: Path, *, mtime: int, order: int, base: bytes, code: bytes = b"code") -> Path:
    """What `docker save` writes of an image of one base layer and two of ours."""
    bodies = [
        base,
        tarball({"opt/a": b"package", "opt/b": b"more"}, mtime=mtime, order=order),
        tarball({"opt/c": code}, mtime=mtime),
    ]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": f"2026-01-01T00:00:{mtime % 60:02}Z",
        "container": f"made in {mtime}",
        "config": {"Cmd": ["x"], "User": "10001", "Image": f"sha256:{mtime}", "Hostname": "h"},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(body).hexdigest()}" for body in bodies],
        },
        "history": [
            {"created": "2020-01-01T00:00:00Z", "created_by": "the base"},
            {"created": f"{mtime}", "created_by": "COPY packages", "comment": f"{mtime}"},
            {"created": f"{mtime}", "created_by": "COPY code"},
            {"created": f"{mtime}", "created_by": "USER", "empty_layer": True},
        ],
    }
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": ["0.tar", "1.tar", "2.tar"]}]
    parts = {
        "manifest.json": json.dumps(manifest).encode(),
        "c.json": json.dumps(config).encode(),
        **{f"{index}.tar": body for index, body in enumerate(bodies)},
    }
    path.write_bytes(tarball(parts, mtime=mtime))
    return path


BASE = tarball({"bin/sh": b"shell"}, mtime=7)


def settle(tmp_path: Path, **how: Any) -> tuple[str, bytes]:
    out = io.BytesIO()
    identifier = layers.settle(saved(tmp_path / "saved", **how), 2, "safelight/x:1", out)
    return identifier, out.getvalue()


def test_when_and_in_which_order_it_was_made_makes_no_difference(tmp_path: Path) -> None:
    one = settle(tmp_path, mtime=1_000_001, order=1, base=BASE)
    two = settle(tmp_path, mtime=2_000_002, order=-1, base=BASE)
    assert one == two


def test_what_is_in_it_does(tmp_path: Path) -> None:
    one, _ = settle(tmp_path, mtime=1, order=1, base=BASE)
    other_code, _ = settle(tmp_path, mtime=1, order=1, base=BASE, code=b"other")
    other_base = tarball({"bin/sh": b"shell"}, mtime=8)
    other, _ = settle(tmp_path, mtime=1, order=1, base=other_base)
    assert len({one, other_code, other}) == 3


def test_it_is_an_image_that_an_engine_takes(tmp_path: Path) -> None:
    """The configuration names its layers by their digests, and itself is named by its own."""
    identifier, archive = settle(tmp_path, mtime=5, order=1, base=BASE)
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:

        def read(name: str) -> bytes:
            file = found.extractfile(name)
            assert file is not None
            return file.read()

        (entry,) = json.loads(read("manifest.json"))
        assert entry["RepoTags"] == ["safelight/x:1"]
        body = read(entry["Config"])
        assert identifier == f"sha256:{hashlib.sha256(body).hexdigest()}"
        config = json.loads(body)
        for name, digest in zip(entry["Layers"], config["rootfs"]["diff_ids"], strict=True):
            assert digest == f"sha256:{hashlib.sha256(read(name)).hexdigest()}"
        # The base's layer is the base's, or engines would keep it twice.
        assert read(entry["Layers"][0]) == BASE
        with tarfile.open(fileobj=io.BytesIO(read(entry["Layers"][1]))) as layer:
            assert [(m.name, m.mtime) for m in layer] == [
                ("opt/a", layers.EPOCH),
                ("opt/b", layers.EPOCH),
            ]
    assert config["config"] == {"Cmd": ["x"], "User": "10001"}
    assert [step["created"][:4] for step in config["history"]] == ["2020", "1980", "1980", "1980"]
