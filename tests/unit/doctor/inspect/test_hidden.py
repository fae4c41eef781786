"""Files that are imported in the place of an installed distribution's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import OnDisk

Gather = Callable[..., Facts]


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    env = OnDisk.new(tmp_path / "env")
    env.install("numpy", "1.26.4", files={"numpy/__init__.py": "", "numpy/core/_c.so": b"x"})
    env.install("unneeded", "1.0", files={"unneeded/__init__.py": ""})
    return env


@pytest.fixture
def facts(env: OnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gather:
    """Gathers the facts with these variables, on a machine without anything."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def gather(**variables: str) -> Facts:
        environment = {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path), **variables}
        return gather_facts(
            str(env.python), environment=environment, root=tmp_path, cache_folder=tmp_path / "c"
        )

    return gather


def judged(check: str, facts: Facts) -> Finding:
    (finding,) = run_checks(facts, load_stack("2.4"), [check])
    return finding


@pytest.mark.parametrize("name", ["numpy.py", "numpy/__init__.py", "numpy.cpython-311.so"])
def test_a_file_on_pythonpath_hides_a_package_and_unsetting_it_is_the_remedy(
    facts: Gather, tmp_path: Path, name: str
) -> None:
    hiding = tmp_path / "own" / name
    hiding.parent.mkdir(parents=True)
    hiding.write_text("")
    finding = judged("environment-variables", facts(PYTHONPATH=str(tmp_path / "own")))
    assert finding.status is CheckStatus.FAIL
    assert finding.remedy == "unset PYTHONPATH"
    assert f"{tmp_path}/own/numpy" in finding.summary
    assert "hides numpy 1.26.4" in finding.summary


@pytest.mark.parametrize(
    "name", ["unneeded.py", "numpy/data.txt", "numpy.txt", "tests/__init__.py"]
)
def test_what_hides_nothing_that_is_needed_is_only_mentioned(
    facts: Gather, tmp_path: Path, name: str
) -> None:
    other = tmp_path / "own" / name
    other.parent.mkdir(parents=True)
    other.write_text("")
    finding = judged("environment-variables", facts(PYTHONPATH=str(tmp_path / "own")))
    assert finding.status is CheckStatus.WARN


def test_a_file_on_pythonpath_that_hides_a_module_of_python_is_named(
    facts: Gather, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "random.py").write_text("")
    finding = judged("environment-variables", facts(PYTHONPATH=str(tmp_path / "own")))
    assert finding.status is CheckStatus.FAIL
    assert "hides Python's own random" in finding.summary


def test_a_local_file_is_a_warning_with_another_name_for_it(facts: Gather) -> None:
    """It hides the package from what is started in this folder alone."""
    Path("numpy.py").write_text("")
    finding = judged("environment-variables", facts())
    assert finding.status is CheckStatus.WARN
    assert "numpy.py hides numpy 1.26.4" in finding.summary
    assert finding.remedy == f"mv {Path.cwd()}/numpy.py {Path.cwd()}/my_numpy.py"


@pytest.mark.parametrize("code", ["sys.path.insert(0, '{}')", 'sys.path[:0] = ["{}"]'])
def test_a_pth_file_that_puts_a_folder_first_is_named_with_what_to_type(
    env: OnDisk, facts: Gather, tmp_path: Path, code: str
) -> None:
    assert judged("user-site", facts()).status is CheckStatus.OK
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "numpy.py").write_text("")
    pth = env.site / "first.pth"
    pth.write_text(f"import sys; {code.format(tmp_path / 'own')}\n")
    finding = judged("user-site", facts())
    assert finding.status is CheckStatus.FAIL
    assert "numpy.py hides numpy 1.26.4" in finding.detail
    assert finding.remedy == f"mv {pth} {pth}.off"


def test_a_file_of_the_user_site_hides_a_package_of_the_environment(
    env: OnDisk, facts: Gather, tmp_path: Path
) -> None:
    (env.prefix / "pyvenv.cfg").unlink()
    (env.prefix / "conda-meta").mkdir()
    (env.prefix / "conda-meta" / "python-3.11.9-0.json").write_text("{}")
    user = tmp_path / "home/.local/lib/python3.11/site-packages"
    user.mkdir(parents=True)
    (user / "numpy.py").write_text("")
    finding = judged("user-site", facts())
    assert finding.status is CheckStatus.FAIL
    assert "export PYTHONNOUSERSITE=1" in finding.remedy
    assert "numpy.py hides numpy 1.26.4" in finding.detail


def test_a_folder_that_was_removed_hides_nothing(facts: Gather) -> None:
    Path.cwd().rmdir()
    assert judged("environment-variables", facts()).status is CheckStatus.OK


def test_a_pth_file_of_the_user_site_adds_a_folder_before_the_environments_own(
    env: OnDisk, facts: Gather, tmp_path: Path
) -> None:
    (env.prefix / "pyvenv.cfg").unlink()
    (env.prefix / "conda-meta").mkdir()
    (env.prefix / "conda-meta" / "python-3.11.9-0.json").write_text("{}")
    user = tmp_path / "home/.local/lib/python3.11/site-packages"
    (tmp_path / "mine" / "numpy").mkdir(parents=True)
    (tmp_path / "mine" / "numpy" / "__init__.py").write_text("")
    user.mkdir(parents=True)
    (user / "mine.pth").write_text(f"{tmp_path}/mine\n")
    finding = judged("user-site", facts())
    assert finding.status is CheckStatus.FAIL
    assert finding.remedy == f"mv {user}/mine.pth {user}/mine.pth.off"


def test_a_pth_file_of_the_environment_adds_a_folder_that_hides_nothing(
    env: OnDisk, facts: Gather, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "numpy.py").write_text("")
    (env.site / "mine.pth").write_text(f"{tmp_path}/mine\n")
    assert judged("user-site", facts()).status is CheckStatus.OK
