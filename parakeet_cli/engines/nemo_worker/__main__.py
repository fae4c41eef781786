"""`PYTHON nemo_worker/`: the folder as a package of its own name, whatever is around it."""

import importlib.util
import os
import sys

NAME = "parakeet_nemo_worker"


def load_package() -> None:
    """Make the folder importable as NAME, and nothing in it by its bare name.

    Python puts the folder itself on sys.path, where its modules would stand before those
    of the same name that NeMo imports.
    """
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != folder]
    spec = importlib.util.spec_from_file_location(
        NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load_package()
    importlib.import_module(f"{NAME}.serve").main()
