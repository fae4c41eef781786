"""Compares the weights that NeMo's loops get with the tree's. It runs in an ML stack's Python.

PYTHON nemo_fusion.py WORKER_FOLDER
"""

from __future__ import annotations

import importlib
import random
import runpy
import sys
from pathlib import Path
from typing import Any

PIECES = ["", "▁", "▁a", "▁ab", "a", "b", "ab", "ba", "▁b", "c", ".", "▁c", "-"]
TERMS = ["ab", "abba c", "b a", "cab", "ba"]


def worker(name: str) -> Any:
    return importlib.import_module(f"parakeet_nemo_worker.terms.{name}")


def main() -> None:
    runpy.run_path(str(Path(sys.argv[1]) / "__main__.py"))["load_package"]()
    import torch

    tree_module, fusion_module = worker("tree"), worker("fusion")
    tree = tree_module.TokenTree(PIECES, TERMS, earnings=(1.0,))
    fusion = fusion_module.TermFusion(tree)
    chance = random.Random(1)
    states = fusion.get_init_states(64)
    changed = 0
    for _ in range(20):
        scores, nodes = fusion.advance(states)
        for row, node in enumerate(states.tolist()):
            expected = torch.from_numpy(tree.weights(node))
            assert torch.allclose(scores[row], expected), (node, scores[row], expected)
            assert nodes[row].tolist() == [tree.after(node, one) for one in range(len(PIECES))]
            changed += bool(expected.any())
        picked = torch.tensor([chance.randrange(len(PIECES)) for _ in states])
        states = nodes[torch.arange(len(states)), picked]
    print(changed)


if __name__ == "__main__":
    main()
