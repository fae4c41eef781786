"""Runs the worker by its folder's path, as a package whose name doesn't depend on the folder."""

import importlib.util
import sys
from pathlib import Path

NAME = "parakeet_nemo_worker"


def load_package() -> None:
    """Make the folder importable as NAME, and none of its modules by their bare names.

    Python puts the folder itself on sys.path, where its modules would hide those of the same
    name that NeMo imports.
    """
    folder = Path(__file__).absolute().parent
    sys.path[:] = [path for path in sys.path if Path(path).absolute() != folder]
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load_package()
    importlib.import_module(f"{NAME}.serve").main()
