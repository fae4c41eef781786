from __future__ import annotations

from pathlib import Path

from parakeet_cli.doctor.inspect import libraries


def test_libcuda_is_found_in_the_loaders_order(tmp_path: Path) -> None:
    root = tmp_path / "root"
    compat = tmp_path / "compat"
    for folder in (root / "usr/lib/wsl/lib", root / "usr/lib/x86_64-linux-gnu", compat):
        folder.mkdir(parents=True)
        (folder / "libcuda.so.1").write_text("")
    (root / "etc").mkdir()
    wsl = f"{root}/usr/lib/wsl/lib/libcuda.so.1"
    (root / "etc/ld.so.cache").write_bytes(b"x\0libcuda.so.1\0" + wsl.encode() + b"\0y\0")
    found = list(libraries.find_library("libcuda.so.1", {"LD_LIBRARY_PATH": str(compat)}, root))
    assert found == [
        f"{compat}/libcuda.so.1",
        wsl,
        f"{root}/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    ]


def test_folders_of_ld_library_path_are_searched(tmp_path: Path) -> None:
    (tmp_path / "libnvJitLink.so.12").write_text("")
    (tmp_path / "libharmless.so").write_text("")
    found = libraries.shadowing_libraries({"LD_LIBRARY_PATH": f"{tmp_path}:/gone:"})
    assert found == {str(tmp_path): ("libnvJitLink.so.12",), "/gone": ()}
