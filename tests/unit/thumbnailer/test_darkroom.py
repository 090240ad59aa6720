"""The darkroom's door: a child that crashes, loops, swells or is orphaned, for real.

Decoders misbehave here on request: a ``sitecustomize`` module, which Python imports at its
start, makes the child do what a file's name says.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from thumbnailer.darkroom import (
    Darkroom,
    DarkroomCrash,
    DarkroomUnavailable,
    Developed,
    Rejection,
)
from thumbnailer.renditions import develop
from thumbnailer.settings import MIB, Settings

Draw = Callable[[int, int], Image.Image]
Save = Callable[..., Path]

MISBEHAVIOUR = """
import os, signal
import thumbnailer.renditions as craft

real = craft.develop

def develop(path, settings, *, originals):
    name = path.name
    if name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("once") and not path.with_suffix(".done").exists():
        path.with_suffix(".done").touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("endless"):
        while True:
            pass
    if name.startswith("swell"):
        return [bytes(1 << 20) for _ in range(1 << 20)]
    if name.startswith("fault"):
        raise LookupError("a bug of ours")
    if name.startswith("print"):
        print("noise on the standard output", flush=True)
        os.write(1, b"more of it")
    if name.startswith("write"):
        path.with_suffix(".out").write_bytes(bytes(3 << 20))
    return real(path, settings, originals=originals)

craft.develop = develop
"""


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(MISBEHAVIOUR)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])


@pytest.fixture
def darkroom() -> Iterator[Darkroom]:
    with Darkroom(Settings()) as darkroom:
        yield darkroom


def child(darkroom: Darkroom) -> int:
    assert darkroom._child is not None
    return darkroom._child._process.pid


def gone(pid: int) -> bool:
    """Whether a process ends; waits for it, since the kernel takes its time."""
    for _ in range(400):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":  # nobody here waits for an orphan
            return True
        time.sleep(0.05)
    return False


def test_it_develops_as_the_craft_does(
    darkroom: Darkroom, corners: Draw, save: Save, camera_exif: bytes
) -> None:
    path = save(corners(900, 600), "photo.jpg", "JPEG", exif=camera_exif)
    developed = darkroom.develop(path)
    assert isinstance(developed, Developed)
    assert developed == develop(path, Settings())


def test_one_child_serves_many_photos(darkroom: Darkroom, corners: Draw, save: Save) -> None:
    path = save(corners(90, 60), "photo.jpg", "JPEG")
    darkroom.develop(path)
    first = child(darkroom)
    bad = save(corners(90, 60), "bad.jpg", "JPEG")
    bad.write_bytes(b"\xff\xd8\xff\xe0 nothing")
    assert isinstance(darkroom.develop(bad), Rejection)
    assert isinstance(darkroom.develop(path), Developed)
    assert child(darkroom) == first


def test_names_are_bytes(darkroom: Darkroom, corners: Draw, save: Save, tmp_path: Path) -> None:
    path = save(corners(90, 60), "photo.jpg", "JPEG")
    for name in (b"new\nline.jpg", b"not\xffutf8.jpg", "día 🏔.jpg".encode()):
        odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        odd.write_bytes(path.read_bytes())
        assert isinstance(darkroom.develop(odd), Developed)


def test_a_relative_path_means_the_same_here_and_there(
    darkroom: Darkroom, corners: Draw, save: Save, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    save(corners(90, 60), "photo.jpg", "JPEG")
    darkroom.develop(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    assert isinstance(darkroom.develop(Path("photo.jpg")), Developed)


def test_a_bomb_is_rejected_by_the_limit_of_memory(darkroom: Darkroom, tmp_path: Path) -> None:
    """A picture that the estimate lets through: 150 million pixels in one row."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    width = 200_000_000
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(width // (1 << 20) + 1))
    path = tmp_path / "sliver.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", data + packer.flush())
        + chunk(b"IEND", b"")
    )
    made = darkroom.develop(path)
    assert isinstance(made, Rejection)
    assert "SAFELIGHT_MAX_MEMORY" in made.reason


@pytest.mark.usefixtures("misbehaving")
class TestMisbehaviour:
    """Each with a photo before and after it, which it must not harm."""

    def around(self, save: Save, corners: Draw, name: str, settings: Settings) -> object:
        good = save(corners(90, 60), "good.jpg", "JPEG")
        bad = save(corners(90, 60), name, "JPEG")
        with Darkroom(settings) as darkroom:
            assert isinstance(darkroom.develop(good), Developed)
            before = child(darkroom)
            try:
                made: object = darkroom.develop(bad)
            except DarkroomCrash as crash:
                made = crash
            assert isinstance(darkroom.develop(good), Developed)
            after = child(darkroom)
        assert gone(before)
        assert gone(after)
        return made

    def test_a_crash_is_reported_as_one(self, save: Save, corners: Draw) -> None:
        made = self.around(save, corners, "crash.jpg", Settings())
        assert isinstance(made, DarkroomCrash)
        assert "SIGSEGV" in made.reason

    def test_a_crash_that_an_earlier_photo_caused_is_forgiven(
        self, save: Save, corners: Draw
    ) -> None:
        assert isinstance(self.around(save, corners, "once.jpg", Settings()), Developed)

    def test_an_endless_decode_is_rejected(self, save: Save, corners: Draw) -> None:
        made = self.around(save, corners, "endless.jpg", Settings(max_seconds=1.0))
        assert isinstance(made, Rejection)
        assert "SAFELIGHT_MAX_SECONDS=1" in made.reason

    def test_too_much_memory_is_rejected(self, save: Save, corners: Draw) -> None:
        made = self.around(save, corners, "swell.jpg", Settings(max_memory=200 * MIB))
        assert isinstance(made, Rejection)
        assert "more than 200 MiB" in made.reason

    def test_a_fault_of_ours_is_no_rejection_and_no_traceback(
        self, save: Save, corners: Draw, capfd: pytest.CaptureFixture[str]
    ) -> None:
        made = self.around(save, corners, "fault.jpg", Settings())
        assert isinstance(made, DarkroomCrash)
        assert "LookupError" in made.reason
        assert capfd.readouterr() == ("", "")

    def test_a_library_that_prints_disturbs_nothing(
        self, save: Save, corners: Draw, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert isinstance(self.around(save, corners, "print.jpg", Settings()), Developed)
        assert capfd.readouterr() == ("", "")

    def test_the_child_writes_no_large_file(
        self, save: Save, corners: Draw, tmp_path: Path
    ) -> None:
        self.around(save, corners, "write.jpg", Settings())
        assert (tmp_path / "write.out").stat().st_size <= 1 << 20


def test_a_child_that_was_killed_meanwhile_is_replaced(
    darkroom: Darkroom, corners: Draw, save: Save
) -> None:
    path = save(corners(90, 60), "photo.jpg", "JPEG")
    darkroom.develop(path)
    first = child(darkroom)
    os.kill(first, signal.SIGKILL)
    assert isinstance(darkroom.develop(path), Developed)
    assert child(darkroom) != first


def test_the_child_has_no_credentials(
    corners: Draw, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-ours")
    with Darkroom(Settings()) as darkroom:
        darkroom.develop(save(corners(90, 60), "photo.jpg", "JPEG"))
        environment = Path(f"/proc/{child(darkroom)}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"a-secret-of-ours" not in environment


def test_the_child_ends_with_its_parent(corners: Draw, save: Save) -> None:
    path = save(corners(90, 60), "photo.jpg", "JPEG")
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from thumbnailer.darkroom import Darkroom; from thumbnailer.settings import Settings\n"
        "darkroom = Darkroom(Settings()); darkroom.develop(Path(sys.argv[1]))\n"
        "print(darkroom._child._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert gone(int(done.stdout))


def test_closing_leaves_no_process(corners: Draw, save: Save) -> None:
    darkroom = Darkroom(Settings())
    darkroom.close()  # before any photo, there is nothing to end
    darkroom.develop(save(corners(90, 60), "photo.jpg", "JPEG"))
    pid = child(darkroom)
    darkroom.close()
    darkroom.close()
    assert not Path(f"/proc/{pid}").exists()


def test_a_broken_installation_is_no_photo_s_fault(
    corners: Draw, save: Save, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "site" / "thumbnailer"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('half of it is missing')")
    monkeypatch.setattr(sys, "path", [str(package.parent), *sys.path])
    path = save(corners(90, 60), "photo.jpg", "JPEG")
    with Darkroom(Settings()) as darkroom, pytest.raises(DarkroomUnavailable, match="half of it"):
        darkroom.develop(path)
