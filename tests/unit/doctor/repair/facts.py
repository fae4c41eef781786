"""Facts and findings of a made-up environment, for tests of goals and plans."""

from __future__ import annotations

from parakeet_cli.doctor.facts import Distribution, Facts, Interpreter, Leftover
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.stack.stack import load_stack

STACK = load_stack("2.4")
PREFIX = "/env"
SITE = f"{PREFIX}/lib/python3.11/site-packages"


def dist(name: str, version: str, **more: object) -> Distribution:
    info = f"{SITE}/{name}-{version}.dist-info"
    return Distribution(name, version, SITE, info, **more)  # type: ignore[arg-type]


def facts(*dists: Distribution, leftovers: tuple[str, ...] = ()) -> Facts:
    interpreter = Interpreter(
        f"{PREFIX}/bin/python", "3.11.9", PREFIX, "/usr", "venv", (SITE,), SITE
    )
    return Facts(
        interpreter,
        tuple(dists),
        tuple(Leftover(path) for path in leftovers),
        pkg_resources=True,
    )


def fail(id_: str, *stages: int) -> Finding:
    return Finding(id_, CheckStatus.FAIL, "broken", stages=stages)
