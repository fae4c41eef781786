"""Any bytes in an environment's files end in a diagnosis, and no check crashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.doctor.diagnose import DiagnosisRequest, diagnose
from tests.doctor_facts import OnDisk

FILES = (
    "nemo_toolkit-2.4.0.dist-info/METADATA",
    "nemo_toolkit-2.4.0.dist-info/RECORD",
    "numpy-1.26.4.dist-info/METADATA",
    "torch-2.13.0.dist-info/RECORD",
    "torch/version.py",
    "torch/lib/libtorch_python.so",
    "odd.pth",
    "../../../pyvenv.cfg",
)
# Texts that are nearly valid.
NEARLY_VALID = st.sampled_from(
    [
        b"Name: numpy\nVersion: not a version\n",
        b"Name: nemo-toolkit\nVersion: 2.4.0\nRequires-Dist: numpy>=\nRequires-Dist: [x]\n",
        b"Name: nemo-toolkit\nVersion: 2.4.0\nRequires-Dist: a; extra == 'asr' and (\n\n",
        b"Name: nemo-toolkit\nVersion: 2.4.0\nRequires-Dist: a===b c; python_version ~= 'x'\n",
        b"Name: numpy\nVersion: 2!1.0+abc.post1\n\n",
        b'"a,b.so",,\n../../../../x.py,sha256=x,1\n\0.py,,\nnumpy,,,,\n',
        b"\0.npz,sha256=x,3\na\0b/c.py,,2\na.py,sha256=\xff,\xb2\nb.txt,x," + b"9" * 5000 + b"\n",
        b"import sys; sys.path.insert(0, '/\0'); sys.path[:0] = ['/no/such/folder']\n",
        b"__version__ = '2.13.0+cu'\ncuda: str = '13'\n",
        b"__version__ = 'x'\ncuda = '12.8'\nhip = 3\n",
        b"\x7fELF\x02\x01" + b"\xff" * 200,
        b"home = \nversion = 3.11.x\n",
        b"version_info = \nhome\n=\ninclude-system-site-packages = maybe\n",
        b"\0\0\0\n/etc/passwd\nimport sys\n",
        b"compiled against NumPy C-API version 0x%x (NumPy 9.9.9.9)",
        b"sm_120 sm_999 compute_ sm_12f",
    ]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(FILES), st.one_of(st.binary(max_size=300), NEARLY_VALID)))
def test_any_bytes_end_in_a_diagnosis(contents: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        env = OnDisk.new(Path(folder) / "env")
        env.install("nemo-toolkit", "2.4.0", "numpy<2.0.0")
        env.install("numpy", "1.26.4")
        env.install("torch", "2.13.0", files={"torch/lib/libtorch_python.so": b""})
        for name, content in contents.items():
            (env.site / name).write_bytes(content)
        diagnosis = diagnose(
            DiagnosisRequest(
                python=str(env.python),
                environment={"PATH": "/nowhere", "HOME": folder},
                cache_folder=Path(folder) / "cache",
            )
        )
        assert [finding.id for finding in diagnosis.findings] == list(CHECKS)
        assert [f for f in diagnosis.findings if "crashed" in f.summary] == []
