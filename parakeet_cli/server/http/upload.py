"""Reads a form with a recording: the recording to the disk as it comes, all within limits."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from parakeet_cli.errors import system_hint
from parakeet_cli.server.http.errors import ApiError
from parakeet_cli.server.spool import create

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 64
MAX_FIELD = 64 * 1024  # bytes, of a text
MAX_NAME = 128  # bytes
MAX_HEADERS = 8192  # bytes, of a part
IDLE_SECONDS = 30.0  # in which a client that sends an upload sends nothing
_OVERHEAD = MAX_PARTS * (MAX_FIELD + 8192)  # bytes of a body beside the recording
FILE = "file"
_ENCODED_NAME = re.compile(rb";\s*filename\*\s*=", re.IGNORECASE)


@dataclass(slots=True)
class Form:
    """What a client sent: texts by their names, in order, and whether there was a recording."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    file_bytes: int | None = None


async def read_form(request: Request, path: Path, max_upload: int) -> Form:
    """The form in a request's body, with the part `file` written to `path`.

    Raises ApiError, and ClientDisconnect if the client leaves.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise ApiError(
            415, "Send the recording as multipart/form-data, in a part named `file`.", param=FILE
        )
    _refuse_too_long(request.headers.get("content-length"), max_upload)
    reader = _FormReader(path, max_upload)
    try:
        parser = MultipartParser(
            options[b"boundary"], reader.callbacks(), max_size=max_upload + _OVERHEAD
        )
        await _feed(parser, request, max_upload + _OVERHEAD)
        parser.finalize()
        return reader.form(complete=True)
    except FormParserError as error:
        raise ApiError(400, f"The form can't be read: {error}", code="invalid_form") from error
    except OSError as error:
        why = f"The upload can't be written to the disk: {error.strerror}."
        raise ApiError(507, f"{why} {system_hint(error) or ''}".strip(), code="no_room") from error
    finally:
        reader.close()


async def _feed(parser: MultipartParser, request: Request, most: int) -> None:
    """Give the body to the parser. A client that is silent for too long is told so."""
    body, read = request.stream().__aiter__(), 0
    while True:
        try:
            data = await asyncio.wait_for(body.__anext__(), IDLE_SECONDS)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ApiError(
                408,
                f"Nothing of the upload came for {IDLE_SECONDS:g} seconds.",
                code="upload_stalled",
                headers={"Connection": "close"},
            ) from None
        read += len(data)
        if read > most:
            raise _too_long(most)
        parser.write(data)


def _refuse_too_long(length: str | None, max_upload: int) -> None:
    if length is not None and length.isdecimal() and int(length) > max_upload + _OVERHEAD:
        raise _too_long(max_upload)


def _too_long(most: int) -> ApiError:
    return ApiError(
        413,
        f"The upload is longer than the {most / 1e6:g} MB that this server takes "
        "(`parakeet serve --max-upload MB`).",
        code="upload_too_large",
        param=FILE,
        headers={"Connection": "close"},
    )


class _FormReader:
    """Takes what the parser finds. Its callbacks raise ApiError for what is beyond a limit."""

    def __init__(self, path: Path, max_upload: int) -> None:
        self._path, self._max_upload = path, max_upload
        self._file: BinaryIO | None = None
        self._form = Form()
        self._parts = 0
        self._header, self._value = bytearray(), bytearray()
        self._header_bytes = 0
        self._disposition = b""
        self._name = ""
        self._text: bytearray | None = None
        self._ended = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end,
            "on_end": self._end_all,
        }

    def form(self, *, complete: bool) -> Form:
        """What was read. Raises ApiError if the form isn't whole."""
        if complete and not self._ended:
            raise ApiError(400, "The form breaks off before its end.", code="invalid_form")
        return self._form

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise ApiError(400, f"A form may have {MAX_PARTS} parts.", code="invalid_form")
        self._disposition, self._text = b"", None
        self._header_bytes = 0

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        """Older releases of the parser take headers of any length."""
        self._header_bytes += size
        if self._header_bytes > MAX_HEADERS:
            raise ApiError(
                400,
                f"The headers of a part may have {MAX_HEADERS} bytes.",
                code="invalid_form",
            )

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._disposition.decode("latin-1"))
        name = options.get(b"name", b"")
        if kind != b"form-data" or not name or len(name) > MAX_NAME:
            raise ApiError(400, "A part of the form has no name.", code="invalid_form")
        self._name = name.decode("utf-8", "replace")
        if self._name != FILE:
            self._text = bytearray()
            return
        # Clients in use send names beyond ASCII as `filename*` alone, which the parser leaves out.
        if b"filename" not in options and not _ENCODED_NAME.search(
            self._disposition
        ):  # a text: a path or a URL perhaps, which nobody opens
            raise ApiError(
                400, "`file` must be an uploaded file, not a text.", code="invalid_form", param=FILE
            )
        if self._file is not None:
            raise ApiError(400, "Send one file.", code="invalid_form", param=FILE)
        self._file = create(self._path)
        self._form.file_bytes = 0

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._text is not None:
            self._text += data[start:end]
            if len(self._text) > MAX_FIELD:
                raise ApiError(
                    400,
                    f"A text may have {MAX_FIELD} bytes.",
                    code="invalid_form",
                    param=self._name,
                )
            return
        assert self._file is not None
        assert self._form.file_bytes is not None
        self._form.file_bytes += end - start
        if self._form.file_bytes > self._max_upload:
            raise _too_long(self._max_upload)
        self._file.write(data[start:end])

    def _end(self) -> None:
        if self._text is None:
            assert self._file is not None
            self._file.flush()
            return
        try:
            self._form.texts.append((self._name, self._text.decode("utf-8")))
        except UnicodeDecodeError:
            raise ApiError(
                400, "A text must be UTF-8.", code="invalid_form", param=self._name
            ) from None

    def _end_all(self) -> None:
        self._ended = True
