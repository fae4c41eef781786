"""Makes hostile models out of the small one: each would touch a canary or open a file.

The weights and the tokenizer are the small Parakeet's own, so that an engine which took such a
model for a good one would load it.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.model_files import checkpoint, member, running

SMALL = Path(__file__).parents[1] / "fixtures" / "models" / "small-parakeet-tdt.nemo"
CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"


def contents() -> dict[str, bytes]:
    """The small model's members, by their names without `./`."""
    with tarfile.open(SMALL) as archive:
        return {
            one.name.removeprefix("./"): stream.read()
            for one in archive
            if (stream := archive.extractfile(one)) is not None
        }


def packed(members: Mapping[str, bytes]) -> bytes:
    """An archive of them, as NeMo writes it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            archive.addfile(*_with_file(*member(f"./{name}", content)))
    return stream.getvalue()


def _with_file(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    return info, io.BytesIO(content)


def code(canary: Path) -> str:
    return f"open({str(canary)!r}, 'w').close()"


def hostile_weights(canary: Path) -> bytes:
    """An archive whose weights run code that touches the canary."""
    return packed({**contents(), WEIGHTS: checkpoint(running(code(canary)))})


def _bare_pickle(canary: Path) -> bytes:
    return packed({**contents(), WEIGHTS: pickle_of(canary)})


def pickle_of(canary: Path) -> bytes:
    return running(code(canary))


def _with_setting(line: str) -> Callable[[Path], bytes]:
    def make(canary: Path) -> bytes:
        members = contents()
        text = members[CONFIG].decode() + line.replace("CANARY", str(canary)) + "\n"
        return packed({**members, CONFIG: text.encode()})

    return make


def _in_decoding(line: str) -> Callable[[Path], bytes]:
    """A setting of the greedy decoder's, as YAML of one line."""

    def make(canary: Path) -> bytes:
        import yaml

        members = contents()
        settings = yaml.safe_load(members[CONFIG])
        greedy = settings["decoding"].setdefault("greedy", {})
        greedy.update(yaml.safe_load(line.replace("CANARY", str(canary))))
        return packed({**members, CONFIG: yaml.safe_dump(settings).encode()})

    return make


def _in_tokenizer(key: str, value: str) -> Callable[[Path], bytes]:
    def make(canary: Path) -> bytes:
        import yaml

        members = contents()
        settings = yaml.safe_load(members[CONFIG])
        settings["tokenizer"][key] = value
        return packed({**members, CONFIG: yaml.safe_dump(settings).encode()})

    return make


def _without_members(canary: Path) -> bytes:
    """A tokenizer in a folder, and no member that takes its place."""
    import yaml

    members = contents()
    settings = yaml.safe_load(members[CONFIG])
    settings["tokenizer"] = {"dir": str(canary.parent), "type": "bpe"}
    return packed({**members, CONFIG: yaml.safe_dump(settings).encode()})


def _second_archive(canary: Path) -> bytes:
    """A good archive with a hostile one behind its end: `--ignore-zeros` reads the second."""
    return packed(contents()) + hostile_weights(canary)


def _before_the_end(canary: Path) -> bytes:
    """Hostile members behind one block of zeros, which some readers skip."""
    good = packed(contents()).rstrip(b"\0")
    good += b"\0" * (-len(good) % 512)
    return good + b"\0" * 512 + hostile_weights(canary)


def _negative_size(canary: Path) -> bytes:
    """A size of -512 in GNU's binary form, by which a reader goes back instead of on."""
    data = bytearray(packed({**contents(), "x.txt": b""}))
    at = data.index(b"./x.txt\0")
    data[at + 124 : at + 136] = b"\xff" * 10 + b"\xfe\x00"
    return _summed(data, at)


def _overlong_size(canary: Path) -> bytes:
    """A size that ends far behind the file's end."""
    data = bytearray(packed({**contents(), "x.txt": b""}))
    at = data.index(b"./x.txt\0")
    data[at + 124 : at + 136] = b"\x80" + (1 << 60).to_bytes(11, "big")
    return _summed(data, at)


def _summed(data: bytearray, at: int) -> bytes:
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


def _with_records(records: Mapping[str, str]) -> Callable[[Path], bytes]:
    """The hostile weights' header with pax records, which only some readers follow."""

    def make(canary: Path) -> bytes:
        stream = io.BytesIO()
        members = {**contents(), "x.txt": b"text"}
        with tarfile.open(fileobj=stream, mode="w:", format=tarfile.PAX_FORMAT) as archive:
            for name, content in members.items():
                info, file = _with_file(*member(f"./{name}", content))
                if name == "x.txt":
                    info.pax_headers = dict(records)
                archive.addfile(info, file)
        return stream.getvalue()

    return make


def _twice(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[Path], bytes]:
    def make(canary: Path) -> bytes:
        stream = io.BytesIO(packed(contents()))
        weights = checkpoint(running(code(canary)))
        with tarfile.open(fileobj=stream, mode="a:", format=tarfile.USTAR_FORMAT) as archive:
            content = b"" if link else weights
            archive.addfile(*_with_file(*member(name, content, type=kind, linkname=link)))
        return stream.getvalue()

    return make


def _nested(canary: Path) -> bytes:
    """A whole model as the vocabulary of another, which a boosting tree could name."""
    return packed({**contents(), "inner.txt": hostile_weights(canary)})


def _bomb(canary: Path) -> bytes:
    members = contents()
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return packed({**members, CONFIG: members[CONFIG] + "\n".join(lines).encode() + b"\n"})


HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "weights that run code": hostile_weights,
    "a pickle in the place of weights": _bare_pickle,
    "a class to call": _with_setting("extra: {_target_: os.mkdir, path: CANARY}"),
    "a boosting tree to restore or write": _in_decoding("boosting_tree: {model_path: CANARY}"),
    "a file of key phrases": _in_decoding("boosting_tree: {key_phrases_file: /etc/passwd}"),
    "a language model": _in_decoding("ngram_lm_model: CANARY"),
    "a key phrase file by reference": _in_decoding(
        'boosting_tree: {key_phrases_file: "${tokenizer.dir}"}'
    ),
    "a tokenizer by its absolute path": _in_tokenizer("model_path", "/etc/passwd"),
    "a tokenizer by a path with dots": _in_tokenizer("model_path", "nemo:../../etc/passwd"),
    "a vocabulary that isn't in the archive": _in_tokenizer("vocab_path", "nemo:other.txt"),
    "a tokenizer in a folder": _without_members,
    "a second archive": _second_archive,
    "members behind a block of zeros": _before_the_end,
    "a negative size": _negative_size,
    "an overlong size": _overlong_size,
    "a pax size": _with_records({"size": "9"}),
    "a pax path": _with_records({"path": "../../x.txt"}),
    "a sparse file": _with_records({"GNU.sparse.major": "1", "GNU.sparse.realsize": "9"}),
    "two weights": _twice("./model_weights.ckpt"),
    "two weights by case": _twice("./Model_Weights.ckpt"),
    "a symbolic link": _twice("./x.txt", tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": _twice("./x.txt", tarfile.LNKTYPE, "model_config.yaml"),
    "a name with dots": _twice("../x.txt"),
    "an absolute name": _twice("/tmp/x.txt"),
    "a FIFO": _twice("./x.txt", tarfile.FIFOTYPE, "x"),
    "a library": _twice("./hook.so"),
    "a model within the model": _nested,
    "a YAML bomb": _bomb,
}

# Names that say something else than the content.
NAMES = ["m.nemo", "m.safetensors", "m.ckpt", "m.pt", "m.bin", "m.onnx", "m.txt", "m.pkl", "m", "é"]

PICKLES: dict[str, bytes] = {
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "STACK_GLOBAL by the memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.",
    "INST": b"(S'true'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'true'\no.",
    "NEWOBJ": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "a persistent id as text": b"\x80\x02P1\n.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "a call of a type of storage": b"\x80\x02ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R.",
    "a call of a value": b"\x80\x02X\x01\x00\x00\x00x)R.",
    "a call of a result": b"\x80\x02ccollections\nOrderedDict\n)R)R.",
    "the state of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",
    "the state of a type": b"\x80\x02ctorch\nFloatStorage\n}X\x01\x00\x00\x00aK\x01sb.",
    "the state of a tensor": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R}b.",
    "an item of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nK\x01K\x02s.",
    "a second pickle behind the first": b"\x80\x02}." + b"cos\nsystem\n.",
    "no end": b"\x80\x02}",
    "a value that it hasn't had": b"\x80\x02h\x05.",
    "an empty stack": b"\x80\x02R.",
    "a mark for a value": b"\x80\x02(R.",
}
assert pickle.loads(PICKLES["NEWOBJ"]) == {}
