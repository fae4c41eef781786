"""`PYTHON nemo_worker/`: the folder as a package of its own name, whatever is around it."""

import importlib.util
import sys
from pathlib import Path

NAME = "parakeet_nemo_worker"


def load_package() -> None:
    """Make the folder importable as NAME, and nothing in it by its bare name.

    Python puts the folder itself on sys.path, where its modules would stand before those
    of the same name that NeMo imports.
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
