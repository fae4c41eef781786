"""Gives NeMo's label looping the words to expect, as it takes an n-gram language model.

NeMo adds the scores of such a model to those of all labels but blank. It asks for them by tensors
alone, so that it works in batches, and within CUDA graphs.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
import torch

from .tree import ROOT, TokenTree, make_tree

# What a letter earns, the first included: nothing is taken back here once it is written, so the
# beginning of a term must be worth it. As NeMo's own boosting: 1 for the first token, and up to
# twice that for those after it, which have two or three letters.
FUSION_EARNINGS = (1.0,)
_STATES = "fusion_states_list", "lm_states"  # of NeMo 3.0 and 2.4, in a decoder's state


class TermFusion(torch.nn.Module):  # type: ignore[misc]  # the tool has no torch
    """The tree's weights as tensors.

    A row for each node has the tokens that lead on from there; padding is in a column of its own.
    """

    def __init__(self, tree: TokenTree) -> None:
        super().__init__()
        self.vocab_size = len(tree.ends_words)
        arcs = [tree.arcs(node) for node in range(len(tree))]
        roots = arcs[ROOT]
        # The root's arcs are those of all nodes, and are not repeated in each.
        width = max([1, *(len(one.ids) for one in arcs[1:])])
        ids = np.full((len(tree), width), self.vocab_size, np.int64)
        nodes = np.zeros((len(tree), width), np.int64)
        weights = np.zeros((len(tree), width), np.float32)
        for row, one in enumerate(arcs[1:], 1):
            ids[row, : len(one.ids)] = one.ids
            nodes[row, : len(one.ids)] = one.nodes
            weights[row, : len(one.ids)] = one.weights
        leaving = np.array([tree.leaving(node) for node in range(len(tree))], np.float32)
        root_nodes = np.zeros(self.vocab_size + 1, np.int64)
        root_nodes[roots.ids] = roots.nodes
        root_weights = np.zeros(self.vocab_size + 1, np.float32)
        root_weights[roots.ids] = roots.weights
        tables = {
            "ids": ids,
            "nodes": nodes,
            "weights": weights,
            "leaving": leaving,
            "root_nodes": root_nodes,
            "root_weights": root_weights,
            "ends_words": np.append(tree.ends_words, True),
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table), persistent=False)

    def compatible_with_cuda_graphs(self) -> bool:
        return True

    def get_init_states(self, batch_size: int, bos: bool = True) -> Any:
        return torch.full([batch_size], ROOT, dtype=torch.long, device=self.ids.device)

    def advance(self, states: Any) -> tuple[Any, Any]:
        """The weights of all tokens after the states, and the states behind them: (batch, pieces).

        `states` are nodes, shape (batch,).
        """
        at_word_end, within_word = self.leaving[states].unsqueeze(-1).unbind(1)
        scores = torch.where(self.ends_words, at_word_end, within_word) + self.root_weights
        nodes = self.root_nodes.expand(len(states), -1).clone()
        scores.scatter_(1, self.ids[states], self.weights[states])
        nodes.scatter_(1, self.ids[states], self.nodes[states])
        return scores[:, : self.vocab_size], nodes[:, : self.vocab_size]


def fusion_options(computer: type, pieces: Sequence[str], terms: Sequence[str]) -> dict[str, Any]:
    """The arguments by which a label-looping computer of NeMo takes words to expect."""
    fusion = TermFusion(make_tree(pieces, terms, FUSION_EARNINGS))
    if "fusion_models" in inspect.signature(computer).parameters:  # 3.0
        return {"fusion_models": [fusion], "fusion_models_alpha": [1.0]}
    return {"ngram_lm_model": fusion, "ngram_lm_alpha": 1.0}


def own_state(state: Any) -> Any:
    """A decoder's state with nodes of its own, which NeMo would overwrite as it goes on."""
    if state is None:
        return None
    state = copy(state)
    for name in _STATES:
        nodes = getattr(state, name, None)
        if nodes is not None:
            cloned = [one.clone() for one in nodes] if isinstance(nodes, list) else nodes.clone()
            setattr(state, name, cloned)
    return state
