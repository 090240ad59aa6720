"""The look: templates and assets, our own or those of a folder.

A folder (``sitegen build --templates DIR``, ``SAFELIGHT_TEMPLATES``) may hold any of the templates
and of the assets under their own names; what it does not hold is ours.  A template of its
own can extend ours as ``safelight/NAME``.  Other templates and assets in it are there to be
included by templates, and to be linked with ``asset('NAME')``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from sitegen import asset
from sitegen.document import Document
from sitegen.words import legal

TEMPLATES = Path(__file__).parent / "templates"
OURS = "safelight/"
"""What comes before the name of one of our templates that is meant whatever the folder holds."""

_LARGEST = 1 << 20


class UnfitLook(ValueError):
    """A folder's templates or assets cannot be used; the message says which file, where and
    why, to the person who wrote it."""


class Look:
    """Templates and assets; ``folder`` is what goes before our own.

    All files are read once, so that the fingerprint is that of what is used.  Raises
    :class:`UnfitLook` where the folder cannot be read or holds what is neither.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._theirs = _read(folder) if folder is not None else {}
        self._environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(self._source),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_print,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def _source(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        body = None if name.startswith(OURS) else self._theirs.get(name)
        path = TEMPLATES / name.removeprefix(OURS)
        if body is not None and self.folder is not None:
            return _decoded(body, self.folder / name), str(self.folder / name), lambda: True
        if "/" in name.removeprefix(OURS) or not path.is_file():
            return None
        return path.read_text("utf-8"), str(path), lambda: True

    def check(self) -> None:
        """Compile every template.  Raises :class:`UnfitLook` for the first that is none."""
        for name in sorted({path.name for path in TEMPLATES.glob("*.html")} | self._theirs.keys()):
            if name.endswith(".html"):
                self._found(name)

    def _found(self, name: str) -> jinja2.Template:
        try:
            return self._environment.get_template(name)
        except jinja2.TemplateError as error:
            raise self._unfit(error, name) from error

    def render(self, name: str, /, **context: Any) -> str:
        """The template ``name`` with what it is to show.  Raises :class:`UnfitLook` where a
        template of the folder fails."""
        template = self._found(name)
        if not self._theirs:
            return template.render(**context)
        try:
            return template.render(**context)
        except Exception as error:
            # Whatever a template does wrong, it is to be told where.
            raise self._unfit(error, name) from error

    def _unfit(self, error: Exception, name: str) -> UnfitLook:
        place = str(self.folder / name) if self.folder is not None else name
        line: int | None = None
        if isinstance(error, jinja2.TemplateSyntaxError):
            place, line = error.filename or place, error.lineno
        else:
            # Jinja makes the traceback speak of templates; the innermost one is to blame.
            trace = error.__traceback__
            while trace is not None:
                file = trace.tb_frame.f_code.co_filename
                if file.endswith(".html"):
                    place, line = file, trace.tb_lineno
                trace = trace.tb_next
        why = str(error) or type(error).__name__
        if isinstance(error, jinja2.TemplateNotFound):
            why = f"there is no template {error.name!r:.80}"
        where = f"{place}, line {line}" if line else place
        return UnfitLook(
            f"{where}: {why.rstrip('.')}. The pages stay as they are until it is mended"
        )

    @cached_property
    def assets(self) -> Mapping[str, Document]:
        """The assets by their files' names."""
        return asset.documents(self._theirs)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of what the folder holds; empty without one."""
        if self.folder is None:
            return ""
        total = hashlib.sha256()
        for name, body in sorted(self._theirs.items()):
            total.update(f"{name}\n".encode() + hashlib.sha256(body).digest())
        return total.hexdigest()


def _print(value: Any) -> Any:
    """Every value a template prints passes here, before it is escaped."""
    if isinstance(value, Markup):
        return value
    return legal(value) if isinstance(value, str) else value


def _read(folder: Path) -> dict[str, bytes]:
    """The folder's files.  Raises :class:`UnfitLook`."""
    if not folder.is_dir():
        raise UnfitLook(f"{folder}: there is no such folder of templates")
    found: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue  # an editor's
        if path.suffix != ".html" and path.suffix not in asset.TYPES:
            known = ", ".join([".html", *asset.TYPES])
            raise UnfitLook(f"{path}: is neither a template nor an asset ({known})")
        try:
            body = path.read_bytes()
        except OSError as error:
            raise UnfitLook(f"{path}: cannot be read: {error.strerror}") from error
        if len(body) > _LARGEST:
            raise UnfitLook(f"{path}: is larger than {_LARGEST >> 20} MiB")
        found[path.name] = body
    return found


def _decoded(body: bytes, path: Path) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise UnfitLook(f"{path}, line {line}: is not UTF-8") from error
