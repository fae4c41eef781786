from __future__ import annotations

import signal
import threading

import pytest

from parakeet_cli.system.processes import Terminated, handle_signals, raise_terminated
from parakeet_cli.transcribe.pipeline.interrupts import defer_interrupts, finish_within


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


def test_a_termination_waits_too_and_is_raised_by_its_number() -> None:
    done = []
    with handle_signals(raise_terminated, signal.SIGTERM):
        with defer_interrupts() as interrupt:
            signal.raise_signal(signal.SIGTERM)
            done.append("the write")
        with pytest.raises(Terminated) as raised:
            interrupt.raise_if_pressed()
    assert (done, raised.value.number) == (["the write"], signal.SIGTERM)


def test_a_termination_within_a_grace_begins_nothing_more_and_ends_what_is_too_slow() -> None:
    with handle_signals(raise_terminated, signal.SIGTERM):
        with finish_within(60.0) as stop:
            with defer_interrupts() as interrupt:
                signal.raise_signal(signal.SIGTERM)
            interrupt.raise_if_pressed()
            signal.raise_signal(signal.SIGTERM)  # some systems send it twice
        assert stop.number == signal.SIGTERM
        with pytest.raises(Terminated):
            stop.raise_if_asked()
        with pytest.raises(Terminated), finish_within(0.01):
            signal.raise_signal(signal.SIGTERM)
            threading.Event().wait(30)


def test_a_termination_that_nobody_handles_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with finish_within(1.0), defer_interrupts():
        assert signal.getsignal(signal.SIGTERM) is before
