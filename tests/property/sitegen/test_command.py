"""The download commands, in real shells, for whatever a photo may be called.

Many photos a command: to start a shell takes longer than what it does.  Every body is one of
its own, so that it tells which photo a file is.
"""

from __future__ import annotations

import hashlib
import http.server
import re
import shutil
import subprocess
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery import keys
from tests.unit.sitegen.script import call, command, needs_node

BASH, DASH, CURL, WGET = (shutil.which(name) for name in ("bash", "dash", "curl", "wget"))

pytestmark = needs_node

needs_curl = pytest.mark.skipif(BASH is None or CURL is None, reason="needs bash and curl")
needs_wget = pytest.mark.skipif(BASH is None or WGET is None, reason="needs bash and wget")
needs_dash = pytest.mark.skipif(DASH is None or CURL is None, reason="needs dash and curl")
needs_bash = pytest.mark.skipif(BASH is None, reason="no bash on this machine")


class Server:
    """An HTTP server on loopback with one body a key, below a path as an emulator has it."""

    def __init__(self) -> None:
        self.bodies: Mapping[str, bytes] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer: the second would wait for the first's receipt

            def do_GET(self) -> None:
                found = outer.bodies.get(self.path)
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Length", str(len(found or b"")))
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        # As a browser has it: { is encoded, [ is not.
        self.root = f"http://127.0.0.1:{self._http.server_port}/a[1]-%7Bbucket%7D/"

    def serve(self, photos: list[str]) -> list[str]:
        """The URLs of the photos of these paths, which are served from now on."""
        path = "/" + self.root.split("/", 3)[3]
        found = [keys.url_path(keys.PHOTOS + photo) for photo in photos]
        self.bodies = {path + url: body(photo) for url, photo in zip(found, photos, strict=True)}
        return [self.root + url for url in found]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def body(photo: str) -> bytes:
    """The bytes of the photo with this path."""
    return b"bytes of " + photo.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


# Somebody pastes the command into a terminal, where ! is special too.
TERMINAL = "set -o history -o histexpand\n"


def run(text: str, folder: Path, shell: str | None) -> None:
    """Runs the command in the folder; what else there is on the machine is out of its way."""
    assert shell is not None
    work = folder / "work"
    work.mkdir()
    script = folder / "script"
    script.write_bytes((TERMINAL if shell == BASH else "").encode() + text.encode() + b"\n")
    done = subprocess.run(
        [shell, str(script)],
        cwd=work,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder / "home")},
        check=False,
    )
    assert done.returncode == 0, (text, done.stderr)


def check(photos: list[str], folder: Path) -> None:
    """Each photo is there, whole, under its own name if a disk can have that."""
    files = {path: path.read_bytes() for path in (folder / "work").rglob("*") if path.is_file()}
    found = {content: path for path, content in files.items()}
    assert found.keys() == {body(photo) for photo in photos}
    assert len(files) == len(photos)
    above = {
        str(Path(photo).parents[depth]) for photo in photos for depth in range(photo.count("/"))
    }
    for photo in photos:
        path = found[body(photo)].relative_to(folder / "work").as_posix()
        if photo not in above and all(len(part.encode()) <= 255 for part in photo.split("/")):
            assert path == photo
        else:
            assert re.sub(r"~\d+(?=(\.[^./]*)?$)", "", path)[:20] == photo[:20]
    # Nothing was made but the photos: neither by a name that was run, nor outside.
    assert {path.name for path in folder.iterdir()} == {"work", "script"}


HOSTILE = [
    "plain.jpg",
    "two words.jpg",
    "it's 'quoted'.jpg",
    'double "quotes".jpg',
    "$HOME $(touch pwned) `touch pwned`.jpg",
    "a;touch pwned&&b||c|d>e<f.jpg",
    "100%.jpg",
    "%20.jpg",
    "%2e%2e%2fup.jpg",
    "[1-3]{a,b}.jpg",
    "#1 of #2.jpg",
    "ünïcödé 写真 🌊.jpg",
    "-o.jpg",
    "--output.jpg",
    "-rf/-.jpg",
    "-",
    "~/x.jpg",
    "!history!.jpg",
    "it's! new!!\nline!.jpg",
    "back\\slash\\.jpg",
    "new\nline.jpg",
    "new\n\nEOF\ntouch pwned\n.jpg",
    "tab\there.jpg",
    "cr\rhere.jpg",
    "\x1b[31mred\x07.jpg",
    "\u202egpj.exe.jpg",
    "\u2028\u2029.jpg",
    "*?.jpg",
    "a=b&c=d+e.jpg",
    "question?.jpg",
    "hash#.jpg",
    "colon: x.jpg",
    "s3:/y.jpg",
    "file:/y.jpg",
    "a.jpg",
    "a.JPG",
    "one/same.jpg",
    "two/same.jpg",
    "@file.jpg",
    " leading and trailing .jpg",
    "folder",
    "folder/x.jpg",
    "trailing \\",
    "x" * 251 + ".jpg",
    "y" * 600 + ".jpg",
    "写" * 200 + ".jpg",
]

_LETTERS = st.sampled_from(
    "ab-_.~!@#$%^&*()[]{}<>|\\;:'\"`,?+= \n\t\r\x01\x1b\x7f\x85\u202e\u200d\u0301\ufeff’é写🌊"
)
_NAME = st.one_of(
    st.text(_LETTERS, min_size=1, max_size=12),
    st.text(_LETTERS, min_size=1, max_size=2).map(lambda part: part * 130),
    st.sampled_from(["a", "A", "con", "aux.jpg", "a.", "$(id)", "'; id; '", "!!", "~2", "a~2"]),
).filter(lambda name: not name.startswith(".") and len(name.encode()) <= 600)
_PHOTO = st.lists(_NAME, min_size=1, max_size=3).map("/".join)
_PHOTOS = st.lists(_PHOTO, min_size=1, max_size=60, unique=True)


@needs_curl
def test_curl_for_every_hostile_name_at_once(server: Server, tmp_path: Path) -> None:
    run(command(server.serve(HOSTILE), server.root), tmp_path, BASH)
    check(HOSTILE, tmp_path)


@needs_curl
@pytest.mark.parametrize("name", ["-o.jpg", "it's.jpg", "#1.jpg", "!!"])
def test_one_name_alone(server: Server, tmp_path: Path, name: str) -> None:
    run(command(server.serve([name]), server.root), tmp_path, BASH)
    check([name], tmp_path)


@needs_curl
@settings(max_examples=30, deadline=None)
@given(photos=_PHOTOS)
def test_curl_for_any_names(
    server: Server, tmp_path_factory: pytest.TempPathFactory, photos: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("curl")
    run(command(server.serve(photos), server.root), folder, BASH)
    check(photos, folder)


@needs_wget
def test_wget_for_every_hostile_name_at_once(server: Server, tmp_path: Path) -> None:
    run(command(server.serve(HOSTILE), server.root, way="wget"), tmp_path, BASH)
    check(HOSTILE, tmp_path)


@needs_wget
@settings(max_examples=10, deadline=None)
@given(photos=st.lists(_PHOTO, min_size=1, max_size=12, unique=True))
def test_wget_for_any_names(
    server: Server, tmp_path_factory: pytest.TempPathFactory, photos: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("wget")
    run(command(server.serve(photos), server.root, way="wget"), folder, BASH)
    check(photos, folder)


@needs_dash
def test_names_that_can_be_seen_need_no_more_than_a_posix_shell(
    server: Server, tmp_path: Path
) -> None:
    photos = [name for name in HOSTILE if call("quote", name).startswith("'")]
    assert len(photos) > 30
    run(command(server.serve(photos), server.root), tmp_path, DASH)
    check(photos, tmp_path)


@needs_curl
def test_an_error_page_is_not_a_photo(server: Server, tmp_path: Path) -> None:
    server.serve([])
    text = command([server.root + "photos/none.jpg"], server.root)
    assert BASH is not None
    done = subprocess.run([BASH, "-c", text], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


@needs_bash
@settings(max_examples=15, deadline=None)
@given(photos=_PHOTOS)
def test_aws_is_given_the_keys_and_the_paths(
    tmp_path_factory: pytest.TempPathFactory, photos: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("aws")
    root = "http://localhost:4566/bucket/"
    urls = [root + keys.url_path(keys.PHOTOS + photo) for photo in photos]
    text = command(urls, root, way="aws", bucket="bucket")
    # Bash tells what aws would get; what that does with it is not ours.
    run(f"aws() {{ printf '%s\\0' \"$@\" >>log; }}\n{text}", folder, BASH)
    told = (folder / "work" / "log").read_bytes().decode().split("\0")[:-1]
    rows = [told[n : n + 4] for n in range(0, len(told), 4)]
    assert [row[:3] for row in rows] == [
        ["s3", "cp", f"s3://bucket/{keys.PHOTOS}{photo}"] for photo in photos
    ]
    assert len({row[3] for row in rows}) == len(photos)
    assert not [row for row in rows if row[3].startswith("-")]


_STRING = r"'((?:[^'‘’‚‛]|['‘’‚‛]{2})*)'"
_SAVE = re.compile(rf"Save-Photo {_STRING} {_STRING}")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.I)


def powershell(text: str) -> list[tuple[str, str]]:
    """The URL and the path of each call, read as PowerShell reads a string in single quotes: it
    ends at any of five characters, and two of them in a row are one of the string."""
    found: list[tuple[str, str]] = []
    for line in text.partition("\n}\n")[2].split("\n"):
        match = _SAVE.fullmatch(line)
        assert match, line
        url, path = (re.sub("(['‘’‚‛])['‘’‚‛]", r"\1", each) for each in match.groups())
        found.append((url, path))
    return found


def same(path: str) -> str:
    """What a disk of Windows or of a Mac takes for the same path."""
    return unicodedata.normalize("NFC", path).casefold()


@settings(max_examples=60, deadline=None)
@given(photos=_PHOTOS)
def test_powershell_for_any_names(photos: list[str]) -> None:
    root = "https://s.example/"
    urls = [root + keys.url_path(keys.PHOTOS + photo) for photo in photos]
    calls = powershell(command(urls, root, way="powershell"))
    assert [url for url, _ in calls] == urls
    paths = [path for _, path in calls]
    for path in paths:
        for part in path.removeprefix("./").split("/"):
            assert part not in ("", ".", "..")
            assert not re.search(r'[<>:"\\|?*\x00-\x1f]|[. ]$', part)
            assert not _RESERVED.fullmatch(part)
            assert len(part.encode()) <= 255
    assert len({same(path) for path in paths}) == len(paths)
    folders = {same(path.rpartition("/")[0]) for path in paths}
    assert not [path for path in paths if same(path) in folders]


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(
        st.lists(
            st.sampled_from(["", ".", "..", "a", "\\", "..\\..", "C:", "\0", "/", "~", "a\n"])
            | _NAME,
            min_size=1,
            max_size=5,
        ).map("/".join),
        min_size=1,
        max_size=8,
        unique=True,
    ),
    windows=st.booleans(),
)
def test_nothing_leaves_the_folder(files: list[str], windows: bool) -> None:
    found = call("placed", [{"url": "", "path": file} for file in files], {"windows": windows})
    paths = [each["path"] for each in found]
    assert len(set(paths)) == len(files)
    for path in paths:
        parts = path.removeprefix("./").split("/")
        assert not {"", ".", ".."} & set(parts)
        assert not path.startswith(("/", "-"))
        assert "\0" not in path
        if windows:
            assert not re.search(r"[\\:]", path)


@needs_curl
def test_a_path_that_the_page_tells_cannot_lead_elsewhere(server: Server, tmp_path: Path) -> None:
    photos = ["1", "2", "3"]
    urls = server.serve(photos)
    files = dict(zip(urls, ["../out.jpg", "/etc/../out.jpg", "a/../../out.jpg"], strict=True))
    run(command(urls, server.root, files), tmp_path, BASH)
    found = {path.read_bytes() for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert found == {body(photo) for photo in photos}
    assert {path.name for path in tmp_path.iterdir()} == {"work", "script"}


def test_the_bodies_tell_the_photos_apart() -> None:
    assert len({hashlib.sha256(body(photo)).digest() for photo in HOSTILE}) == len(HOSTILE)
