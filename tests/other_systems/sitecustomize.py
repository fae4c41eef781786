"""Shows parakeet's modules the system that PARAKEET_TEST_SYSTEM names: win32, darwin or neither.

The libraries underneath are builds for Linux and keep on seeing Linux. Our own modules get
views of sys, os, signal, select, socket and subprocess that lack what the other system lacks,
by Python's documentation ("Availability"), and refuse what it refuses. The modules that exist
on POSIX alone are gone for everybody. As sitecustomize it holds in every process of a test;
children that load no site packages are made to import it.
"""

from __future__ import annotations

import builtins
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

SYSTEM = os.environ.get("PARAKEET_TEST_SYSTEM", "")
FOLDER = str(Path(__file__).parent)


def _names(text: str) -> list[str]:
    return text.split()


POSIX_ONLY = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog")
LINUX_ONLY_OS = _names("""
    memfd_create MFD_CLOEXEC MFD_ALLOW_SEALING sched_getaffinity sched_setaffinity pidfd_open
    eventfd O_PATH O_TMPFILE O_NOATIME O_DIRECT posix_fadvise posix_fallocate copy_file_range
    splice getxattr setxattr getresuid setns unshare
""")
LINUX_ONLY_SOCKET = ("SO_PEERCRED", "AF_NETLINK", "SO_PASSCRED", "AF_VSOCK")
POSIX_OS = _names("""
    fork forkpty openpty killpg getpgid getpgrp setpgid setsid getsid getuid geteuid getgid
    getegid getgroups getpwuid statvfs fstatvfs pread pwrite preadv pwritev readv writev sysconf
    fchmod chown fchown lchown mkfifo mknod nice getpriority setpriority uname fwalk wait3 wait4
    waitid WIFEXITED WIFSIGNALED WTERMSIG WEXITSTATUS ttyname tcgetpgrp getloadavg confstr
    posix_spawn register_at_fork sync lockf fdatasync sendfile O_NONBLOCK O_CLOEXEC O_NOFOLLOW
    O_DIRECTORY O_NOCTTY O_SYNC chroot fchdir ctermid
""")
POSIX_SIGNALS = _names("""
    SIGHUP SIGKILL SIGQUIT SIGTSTP SIGSTOP SIGCONT SIGUSR1 SIGUSR2 SIGPIPE SIGALRM SIGCHLD
    SIGTTIN SIGTTOU SIGXFSZ SIGXCPU SIGBUS SIGWINCH alarm setitimer pthread_sigmask pthread_kill
    sigwait sigpending siginterrupt
""")
WINDOWS_SIGNALS = {"SIGINT", "SIGTERM", "SIGILL", "SIGABRT", "SIGFPE", "SIGSEGV"}
O_BINARY = 0x8000  # as on Windows; Linux takes it for O_LARGEFILE, which changes nothing


class View(ModuleType):
    """A module without some of its names, and with others of its own."""

    def __init__(self, real: ModuleType, missing: Any = (), own: dict[str, Any] | None = None):
        super().__init__(real.__name__)
        object.__setattr__(self, "_view", (real, frozenset(missing), own or {}))

    def __getattribute__(self, name: str) -> Any:
        real, missing, own = object.__getattribute__(self, "_view")
        if name in own:
            return own[name]
        if name in missing:
            raise AttributeError(f"module {real.__name__!r} has no {name!r} on {SYSTEM}")
        return getattr(real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_view")[0], name, value)


def _open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    """os.open of Windows: no folder can be opened, no folder's descriptor be named."""
    if dir_fd is not None:
        raise NotImplementedError("dir_fd unavailable on this platform")
    if Path(path).is_dir():
        raise PermissionError(13, "Permission denied", str(path))
    descriptor = os.open(path, flags, mode)
    if flags & O_BINARY or path == os.devnull:
        _as_text.discard(_id(descriptor))
    else:
        _as_text.add(_id(descriptor))
    return descriptor


_as_text: set[tuple[int, ...]] = set()  # descriptors that change line ends


def _id(descriptor: int) -> tuple[int, ...]:
    status = os.fstat(descriptor)
    return descriptor, status.st_dev, status.st_ino


def _binary(real: Any) -> Any:
    def checked(descriptor: int, data: Any) -> Any:
        if _id(descriptor) in _as_text:
            raise AssertionError("without O_BINARY among its flags, os.open changes line ends")
        return real(descriptor, data)

    return checked


def _signal(number: int, handler: Any) -> Any:
    if signal.Signals(number).name not in WINDOWS_SIGNALS:
        raise ValueError("signal number out of range")
    return signal.signal(number, handler)


def _only_sockets(reading: Any, writing: Any, failing: Any, *timeout: Any) -> Any:
    for one in (*reading, *writing, *failing):
        try:
            number = one if isinstance(one, int) else one.fileno()
            socket.socket(fileno=os.dup(number)).close()
        except OSError:
            raise OSError(10038, "Not a socket", str(one)) from None
    return select.select(reading, writing, failing, *timeout)


class Popen(subprocess.Popen):  # type: ignore[type-arg]  # as the base is at run time
    """Starts children in which our modules see the other system, too."""

    def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
        if SYSTEM == "win32":
            assert not options.get("pass_fds"), "pass_fds not supported on Windows."
            assert options.get("preexec_fn") is None, "preexec_fn is not supported on Windows"
            options.pop("start_new_session", None)  # ignored there
            options.pop("process_group", None)
        if isinstance(args, (list, tuple)) and "-c" in args and args[0] == sys.executable:
            args = list(args)
            at = args.index("-c") + 1
            args[at] = (
                f"import sys; sys.path.insert(0, {FOLDER!r}); import sitecustomize; " + (args[at])
            )
        super().__init__(args, *rest, **options)


def _run(*args: Any, **options: Any) -> Any:
    real = subprocess.Popen
    subprocess.Popen = Popen  # type: ignore[misc]
    try:
        return subprocess.run(*args, **options)
    finally:
        subprocess.Popen = real  # type: ignore[misc]


def _open_files() -> set[tuple[int, int]]:
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            status = os.fstat(int(path.name))
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found


def _refuse_open_files(real: Any) -> Any:
    """Windows neither renames nor removes a file that the process has open."""

    def checked(path: Any, *rest: Any, **options: Any) -> Any:
        if not options.get("dir_fd") and Path(path).is_file() and not Path(path).is_symlink():
            status = Path(path).stat()
            if (status.st_dev, status.st_ino) in _open_files():
                raise PermissionError(13, "The process cannot access the file", str(path))
        return real(path, *rest, **options)

    return checked


def _views() -> dict[str, ModuleType]:
    process = {"Popen": Popen, "run": _run}
    if SYSTEM == "darwin":
        return {
            "sys": View(sys, own={"platform": "darwin"}),
            "os": View(os, LINUX_ONLY_OS),
            "socket": View(socket, LINUX_ONLY_SOCKET),
            "select": View(select, ("epoll",)),
            "subprocess": View(subprocess, own=process),
        }
    return {
        "sys": View(sys, own={"platform": "win32"}),
        "os": View(
            os,
            [*LINUX_ONLY_OS, *POSIX_OS],
            {
                "open": _open,
                "read": _binary(os.read),
                "write": _binary(os.write),
                "O_BINARY": O_BINARY,
            },
        ),
        "signal": View(signal, POSIX_SIGNALS, {"signal": _signal}),
        "select": View(select, ("poll", "epoll", "kqueue"), {"select": _only_sockets}),
        "socket": View(socket, (*LINUX_ONLY_SOCKET, "AF_UNIX")),
        "subprocess": View(subprocess, own=process),
    }


def _windows_locks() -> Any:
    """The module msvcrt as far as parakeet uses it, with locks of the kernel that runs."""
    import fcntl

    def locking(descriptor: int, mode: int, size: int) -> None:
        assert mode == module.LK_NBLCK and size == 1
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(13, "Permission denied") from None

    module: Any = ModuleType("msvcrt")
    module.LK_NBLCK, module.locking = 3, locking
    return module


def _install() -> None:
    views = {} if SYSTEM == "neither" else _views()
    if SYSTEM == "win32":
        views["msvcrt"] = _windows_locks()
    real_import = builtins.__import__

    def viewing_import(name: str, scope: Any = None, *rest: Any, **options: Any) -> Any:
        importer = (scope or options.get("globals") or {}).get("__name__") or ""
        if name in views and importer.partition(".")[0] == "parakeet_cli":
            return views[name]
        return real_import(name, scope, *rest, **options)

    builtins.__import__ = viewing_import  # type: ignore[assignment]
    if SYSTEM in ("win32", "neither"):
        sys.modules.update(dict.fromkeys(POSIX_ONLY))  # type: ignore[arg-type]
    if SYSTEM == "win32":
        for name in ("rename", "replace", "unlink", "remove"):
            setattr(os, name, _refuse_open_files(getattr(os, name)))


if SYSTEM:
    _install()
