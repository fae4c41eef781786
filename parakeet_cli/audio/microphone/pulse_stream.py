"""Records a source of the PulseAudio or PipeWire server, through libpulse.

The stream can be ready without recording ("corked"): the server then keeps the microphone as
closed as if nobody had opened it, and one message starts it within milliseconds. PortAudio has
no such state, and pulsectl, which lists the sources, doesn't record.

https://www.freedesktop.org/software/pulseaudio/doxygen/ has the functions and constants.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p

# pa_context_state_t and pa_stream_state_t
_CONTEXT_READY, _CONTEXT_FAILED = 4, 5
_STREAM_READY, _STREAM_FAILED = 2, 3
_NO_AUTOSPAWN = 1  # pa_context_flags_t
# pa_stream_flags_t: corked at first, the source's own rate, and our fragments set its latency
_FLAGS = 0x0001 | 0x0080 | 0x2000
_S16LE = 3  # pa_sample_format_t
_ANY = 0xFFFFFFFF

_NOTIFY = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
_READ = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)


class _Spec(ctypes.Structure):
    _fields_ = (("format", c_int), ("rate", c_uint32), ("channels", c_uint8))


class _Buffers(ctypes.Structure):
    _fields_ = tuple(
        (name, c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")
    )


# Each function of libpulse that is used: its result and its arguments.
_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "pa_threaded_mainloop_new": (c_void_p, []),
    "pa_threaded_mainloop_get_api": (c_void_p, [c_void_p]),
    "pa_threaded_mainloop_start": (c_int, [c_void_p]),
    "pa_threaded_mainloop_lock": (None, [c_void_p]),
    "pa_threaded_mainloop_unlock": (None, [c_void_p]),
    "pa_threaded_mainloop_wait": (None, [c_void_p]),
    "pa_threaded_mainloop_signal": (None, [c_void_p, c_int]),
    "pa_context_new": (c_void_p, [c_void_p, c_char_p]),
    "pa_context_set_state_callback": (None, [c_void_p, _NOTIFY, c_void_p]),
    "pa_context_connect": (c_int, [c_void_p, c_char_p, c_int, c_void_p]),
    "pa_context_get_state": (c_int, [c_void_p]),
    "pa_context_errno": (c_int, [c_void_p]),
    "pa_strerror": (c_char_p, [c_int]),
    "pa_stream_new": (c_void_p, [c_void_p, c_char_p, POINTER(_Spec), c_void_p]),
    "pa_stream_set_state_callback": (None, [c_void_p, _NOTIFY, c_void_p]),
    "pa_stream_set_read_callback": (None, [c_void_p, _READ, c_void_p]),
    "pa_stream_set_moved_callback": (None, [c_void_p, _NOTIFY, c_void_p]),
    "pa_stream_connect_record": (c_int, [c_void_p, c_char_p, POINTER(_Buffers), c_int]),
    "pa_stream_get_state": (c_int, [c_void_p]),
    "pa_stream_get_sample_spec": (POINTER(_Spec), [c_void_p]),
    "pa_stream_get_device_name": (c_char_p, [c_void_p]),
    "pa_stream_cork": (c_void_p, [c_void_p, c_int, c_void_p, c_void_p]),
    "pa_stream_flush": (c_void_p, [c_void_p, c_void_p, c_void_p]),
    "pa_operation_unref": (None, [c_void_p]),
    "pa_stream_peek": (c_int, [c_void_p, POINTER(c_void_p), POINTER(c_size_t)]),
    "pa_stream_drop": (c_int, [c_void_p]),
    "pa_stream_disconnect": (c_int, [c_void_p]),
    "pa_stream_unref": (None, [c_void_p]),
}


class PulseStreamError(Exception):
    """The server, or its source, can't be used."""


class PulseStream:
    """A mono stream of int16 from one source, None for the server's default, which it follows.

    `put` is called with samples and whether some before them are missing, `moved` with the name
    of another source that it records from now on, and `failed` when the server ends it. They are
    called in libpulse's thread.
    """

    def __init__(
        self,
        source: str | None,
        block: float,
        put: Callable[[bytes, bool], None],
        *,
        moved: Callable[[str], None],
        failed: Callable[[], None],
    ) -> None:
        """Connect to the server, without recording yet. Raises PulseStreamError."""
        self._pulse = _libpulse()
        self._source = source.encode() if source else None
        self._block = block
        self._put, self._moved, self._failed = put, moved, failed
        # ctypes keeps no reference to a callback: these must live as long as the stream.
        self._callbacks = (
            _NOTIFY(lambda *_: self._state_changed()),
            _READ(lambda *_: self._read()),
            _NOTIFY(lambda *_: moved(self.source)),
        )
        self._stream: int | None = None
        self._loop = self._pulse.pa_threaded_mainloop_new()
        self._context = self._pulse.pa_context_new(
            self._pulse.pa_threaded_mainloop_get_api(self._loop), b"parakeet"
        )
        changed, _, _ = self._callbacks
        self._pulse.pa_context_set_state_callback(self._context, changed, None)
        self._pulse.pa_threaded_mainloop_start(self._loop)
        with self._locked():
            self._pulse.pa_context_connect(self._context, None, _NO_AUTOSPAWN, None)
            self._wait_for(lambda: self._pulse.pa_context_get_state(self._context), _CONTEXT_READY)

    @property
    def source(self) -> str:
        """The server's name for the source that is recorded; "" before the stream is open."""
        name = self._pulse.pa_stream_get_device_name(self._stream) if self._stream else None
        return (name or b"").decode(errors="replace")

    @property
    def rate(self) -> int:
        """Samples a second."""
        return int(self._pulse.pa_stream_get_sample_spec(self._stream).contents.rate)

    def open(self) -> None:
        """Make the stream, corked. Raises PulseStreamError."""
        changed, read, moved = self._callbacks
        spec = _Spec(_S16LE, 48_000, 1)
        buffers = _Buffers(_ANY, _ANY, _ANY, _ANY, 2 * round(48_000 * self._block))
        with self._locked():
            stream = self._pulse.pa_stream_new(self._context, b"dictation", byref(spec), None)
            if not stream:
                raise PulseStreamError(self._reason())
            self._stream = stream
            self._pulse.pa_stream_set_state_callback(stream, changed, None)
            self._pulse.pa_stream_set_read_callback(stream, read, None)
            self._pulse.pa_stream_set_moved_callback(stream, moved, None)
            self._pulse.pa_stream_connect_record(stream, self._source, byref(buffers), _FLAGS)
            self._wait_for(lambda: self._pulse.pa_stream_get_state(stream), _STREAM_READY)

    def start(self) -> None:
        """Record from now on: what the server still held from before is dropped."""
        with self._locked():
            self._finish(self._pulse.pa_stream_flush(self._stream, None, None))
            self._finish(self._pulse.pa_stream_cork(self._stream, 0, None, None))

    def stop(self) -> None:
        """Stop recording, ready to start again."""
        with self._locked():
            self._finish(self._pulse.pa_stream_cork(self._stream, 1, None, None))

    def close(self) -> None:
        """Give the source back to the server; `open` opens it again."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with self._locked():
                self._pulse.pa_stream_set_state_callback(stream, _NOTIFY(), None)
                self._pulse.pa_stream_disconnect(stream)
                self._pulse.pa_stream_unref(stream)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._pulse.pa_threaded_mainloop_lock(self._loop)
        try:
            yield
        finally:
            self._pulse.pa_threaded_mainloop_unlock(self._loop)

    def _finish(self, operation: int | None) -> None:
        if operation:
            self._pulse.pa_operation_unref(operation)

    def _wait_for(self, state: Callable[[], int], ready: int) -> None:
        """Wait, with the lock held, until the state is `ready`. The parent has the time limit."""
        while (now := state()) != ready:
            if now > ready:
                raise PulseStreamError(self._reason())
            self._pulse.pa_threaded_mainloop_wait(self._loop)

    def _reason(self) -> str:
        number = self._pulse.pa_context_errno(self._context)
        return (self._pulse.pa_strerror(number) or b"").decode(errors="replace")

    def _state_changed(self) -> None:
        context = self._pulse.pa_context_get_state(self._context)
        stream = self._pulse.pa_stream_get_state(self._stream) if self._stream else 0
        self._pulse.pa_threaded_mainloop_signal(self._loop, 0)
        if context >= _CONTEXT_FAILED or stream >= _STREAM_FAILED:
            self._failed()

    def _read(self) -> None:
        data, count = c_void_p(), c_size_t()
        while self._stream is not None:
            if self._pulse.pa_stream_peek(self._stream, byref(data), byref(count)) < 0:
                return
            if not count.value:
                return
            if data.value:
                self._put(ctypes.string_at(data.value, count.value), False)
            else:  # a hole: the server has no samples for that time
                self._put(bytes(count.value), True)
            self._pulse.pa_stream_drop(self._stream)


def _libpulse() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libpulse.so.0")
    except OSError as error:
        raise PulseStreamError(str(error)) from None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
