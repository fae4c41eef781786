from __future__ import annotations

import signal
import threading

import pytest

from parakeet_cli.transcribe.pipeline.interrupts import defer_interrupts


def test_ctrl_c_waits_until_it_is_let_go() -> None:
    done = []
    with defer_interrupts() as interrupt:
        signal.raise_signal(signal.SIGINT)
        done.append("the write")
    done.append("the record")
    with pytest.raises(KeyboardInterrupt):
        interrupt.raise_if_pressed()
    assert done == ["the write", "the record"]


def test_without_ctrl_c_nothing_is_raised_and_the_handler_is_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with defer_interrupts() as interrupt:
        assert signal.getsignal(signal.SIGINT) is not before
    interrupt.raise_if_pressed()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_handler_is_back_after_a_fault() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyError), defer_interrupts():
        raise KeyError
    assert signal.getsignal(signal.SIGINT) is before


def test_where_ctrl_c_is_ignored_it_still_is() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with defer_interrupts() as interrupt:
            signal.raise_signal(signal.SIGINT)
        interrupt.raise_if_pressed()
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_may_use_it_too() -> None:
    ended = []

    def work() -> None:
        with defer_interrupts() as interrupt:
            pass
        interrupt.raise_if_pressed()
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended
