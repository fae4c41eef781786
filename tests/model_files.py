"""Makes model files, good and hostile, as NeMo and torch write them."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from parakeet_cli.models.scan.model import scan_model

CONFIG = """\
target: nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel
nemo_version: 2.4.0
sample_rate: 16000
model_defaults: {enc_hidden: 96, pred_hidden: 96}
tokenizer:
  dir: null
  type: bpe
  model_path: nemo:0a_tokenizer.model
  vocab_path: nemo:0b_vocab.txt
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  sample_rate: ${sample_rate}
  features: 80
spec_augment:
  _target_: nemo.collections.asr.modules.SpectrogramAugmentation
encoder:
  _target_: nemo.collections.asr.modules.ConformerEncoder
  feat_in: ${preprocessor.features}
  att_context_size: [-1, -1]
decoder:
  _target_: nemo.collections.asr.modules.RNNTDecoder
  prednet: {pred_hidden: "${model_defaults.pred_hidden}"}
joint:
  _target_: nemo.collections.asr.modules.RNNTJoint
  vocabulary: [<unk>, ▁t, ▁th, a, in, re, '\\${', "}"]
optim: {name: adamw, lr: 0.001, sched: {name: CosineAnnealing}}
"""


def state_dict() -> bytes:
    """The pickle that torch.save writes for a state_dict of one tensor of four floats."""
    return (
        b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01"
        b"X\x06\x00\x00\x00weightq\x02ctorch._utils\n_rebuild_tensor_v2\nq\x03"
        b"((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05X\x01\x00\x00\x000q\x06"
        b"X\x03\x00\x00\x00cpuq\x07K\x04tq\x08QK\x00K\x04\x85q\x09K\x01\x85q\x0a\x89"
        b"h\x00)Rq\x0btq\x0cRq\x0ds."
    )


def running(code: str) -> bytes:
    """A pickle that runs Python code when it is loaded."""

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, (code,))

    return pickle.dumps({"weight": Payload()}, protocol=2)


def checkpoint(
    data: bytes | None = None,
    *,
    more: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    """A torch checkpoint with that pickle, by default a good one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("model_weights/data.pkl", state_dict() if data is None else data)
        archive.writestr("model_weights/byteorder", "little")
        archive.writestr("model_weights/data/0", struct.pack("<4f", 1, 2, 3, 4))
        archive.writestr("model_weights/version", "3\n")
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return stream.getvalue()


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """One member of a tar, with any field set."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def nemo(
    path: Path,
    *,
    config: str | bytes = CONFIG,
    weights: bytes | None = None,
    more: Sequence[tuple[tarfile.TarInfo, bytes]] = (),
    form: int = tarfile.PAX_FORMAT,
) -> Path:
    """A `.nemo` as NeMo writes it, and more members."""
    text = config.encode() if isinstance(config, str) else config
    folder = member("./", type=tarfile.DIRTYPE, mode=0o700)
    members = [
        folder,
        member("./0a_tokenizer.model", b"\n\x0esentencepiece"),
        member("./0b_vocab.txt", "▁t\n▁th\n".encode()),
        member("./model_config.yaml", text, mtime=1795487549.25),
        member("./model_weights.ckpt", checkpoint() if weights is None else weights),
    ]
    with tarfile.open(path, "w:", format=form) as archive:
        for info, content in (*members, *more):
            archive.addfile(info, io.BytesIO(content))
    return path


def problems(path: Path) -> str:
    """The problems that the scan finds, a line each."""
    return "\n".join(map(str, scan_model(path)))
