"""An image's own layers, made the same at every build.

What a builder leaves in an image differs from one build to the next: the moment it was created,
the moments at which folders were made on the way.  :func:`settle` rewrites a saved image so that
the same files give the same image, whenever, and by whichever version of the builder, it was
made.  (BuildKit does part of it since 0.13, with ``rewrite-timestamp``; the engines of two Debian
releases have older ones.)
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Any

EPOCH = 315_532_800
"""1980: the time of everything in our layers (see ``services/image/pack``)."""

_CREATED = "1980-01-01T00:00:00Z"
# What a container is run with; the rest of a configuration tells of how the image was made.
_RUN_WITH = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "User", "Volumes", "WorkingDir")


def settle(saved: Path, own: int, tag: str, out: IO[bytes]) -> str:
    """Write to ``out``, as ``docker load`` takes it, the image that ``docker save`` wrote to
    ``saved``, with its last ``own`` layers and its configuration made reproducible; the new
    image's identifier.
    """
    with tarfile.open(saved) as source, tempfile.TemporaryDirectory() as folder:
        (entry,) = json.loads(_read(source, "manifest.json"))
        config = json.loads(_read(source, entry["Config"]))
        diffs: list[str] = list(config["rootfs"]["diff_ids"])
        names: list[str] = list(entry["Layers"])
        settled: dict[int, Path] = {}
        for index in range(len(names) - own, len(names)):
            settled[index] = Path(folder) / str(index)
            diffs[index] = _settle_layer(_open(source, names[index]), settled[index])
        body = json.dumps(_settle_config(config, diffs, own), sort_keys=True).encode()
        digest = hashlib.sha256(body).hexdigest()
        with tarfile.open(fileobj=out, mode="w") as archive:
            _add(archive, f"{digest}.json", body)
            paths = []
            for index, name in enumerate(names):
                paths.append(f"{index}/layer.tar")
                info = tarfile.TarInfo(paths[-1])
                if index in settled:
                    info.size = settled[index].stat().st_size
                    with settled[index].open("rb") as layer:
                        archive.addfile(info, layer)
                else:
                    info.size = source.getmember(_followed(source, name)).size
                    archive.addfile(info, _open(source, name))
            manifest = [{"Config": f"{digest}.json", "RepoTags": [tag], "Layers": paths}]
            _add(archive, "manifest.json", json.dumps(manifest).encode())
    return f"sha256:{digest}"


def _settle_layer(layer: IO[bytes], out: Path) -> str:
    """Write the layer anew, its times fixed and its entries in order; its digest."""
    with tarfile.open(fileobj=layer, mode="r:*") as source, out.open("w+b") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as target:
            for member in sorted(source.getmembers(), key=lambda member: member.name):
                member.mtime = EPOCH
                member.uname = member.gname = ""
                member.pax_headers = {}
                content = source.extractfile(member) if member.isreg() else None
                target.addfile(member, content)
        file.seek(0)
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _settle_config(config: dict[str, Any], diffs: list[str], own: int) -> dict[str, Any]:
    layers = [bool(step.get("empty_layer")) for step in config["history"]]
    # Our steps are those after the base's last layer that is followed by `own` of our own.
    first = _first_own(layers, own)
    history = [
        step
        if index < first
        else {
            "created": _CREATED,
            "created_by": step.get("created_by", ""),
            **({"empty_layer": True} if step.get("empty_layer") else {}),
        }
        for index, step in enumerate(config["history"])
    ]
    return {
        **{key: config[key] for key in ("architecture", "os", "variant") if config.get(key)},
        "created": _CREATED,
        "config": {key: config["config"][key] for key in _RUN_WITH if config["config"].get(key)},
        "rootfs": {"type": "layers", "diff_ids": diffs},
        "history": history,
    }


def _first_own(empty: list[bool], own: int) -> int:
    """The index of the first step that is ours, given which steps made no layer."""
    left = own
    for index in range(len(empty) - 1, -1, -1):
        left -= not empty[index]
        if left == 0:
            return index
    return 0


def _followed(source: tarfile.TarFile, name: str) -> str:
    """``name``, or what it points to: layers that are the same are saved once."""
    member = source.getmember(name)
    if not member.issym():
        return name
    folder = Path(name).parent / member.linkname
    parts: list[str] = []
    for part in folder.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _open(source: tarfile.TarFile, name: str) -> IO[bytes]:
    found = source.extractfile(_followed(source, name))
    assert found is not None  # noqa: S101 - a layer is a file
    return found


def _read(source: tarfile.TarFile, name: str) -> bytes:
    return _open(source, name).read()


def _add(archive: tarfile.TarFile, name: str, body: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    archive.addfile(info, io.BytesIO(body))
