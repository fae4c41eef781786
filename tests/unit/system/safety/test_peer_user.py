from __future__ import annotations

import os
import socket
import sys

import pytest

from parakeet_cli.system.safety.peer_user import peer_user


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system can't say")
def test_the_user_at_the_other_end_is_known() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert peer_user(here) == os.getuid()
