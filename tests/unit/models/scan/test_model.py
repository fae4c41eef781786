from __future__ import annotations

import gzip
import hashlib
import pickle
import tarfile
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable, ExitCode
from parakeet_cli.models.scan.model import refuse_hostile, scan_model
from parakeet_cli.models.types import NEMO, KnownModel
from tests.model_files import CONFIG, checkpoint, member, nemo, running, state_dict


def found(path: Path) -> str:
    return "\n".join(map(str, scan_model(path)))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.nemo"


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_good_model_passes(target: Path, form: int) -> None:
    assert scan_model(nemo(target, form=form)) == ()
    refuse_hostile(target)


def test_a_good_model_is_what_pickle_and_torch_say_it_is() -> None:
    """The bytes in model_files are a real pickle, in which only torch's names can't be found."""

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            if module.startswith("torch"):
                return lambda *given: (name, given)
            return super().find_class(module, name)

        def persistent_load(self, given: object) -> object:
            return given

    import io

    (weight,) = Reader(io.BytesIO(state_dict())).load().items()
    assert weight[0] == "weight"
    assert weight[1][0] == "_rebuild_tensor_v2"


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..", "./../evil.txt", "..\\evil.txt"],
)
def test_a_member_outside_of_the_folder_is_refused(target: Path, name: str) -> None:
    assert "outside" in found(nemo(target, more=[member(name, b"x")]))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "neither"),
        (tarfile.BLKTYPE, "neither"),
        (tarfile.FIFOTYPE, "neither"),
    ],
)
def test_links_and_devices_are_refused(target: Path, kind: bytes, word: str) -> None:
    more = [member("vocab.txt", type=kind, linkname="/etc/passwd")]
    assert word in found(nemo(target, more=more))


def test_a_link_that_a_later_member_would_write_through_is_refused(target: Path) -> None:
    more = [
        member("sub", type=tarfile.SYMTYPE, linkname="/tmp"),
        member("sub/evil.txt", b"x"),
    ]
    assert "link" in found(nemo(target, more=more))


def test_a_huge_member_is_refused_without_being_read(target: Path) -> None:
    nemo(target)
    info = tarfile.TarInfo("huge.txt")
    info.size = 1 << 50
    data = target.read_bytes().rstrip(b"\0")
    data += b"\0" * (-len(data) % 512)
    target.write_bytes(data + info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 512)
    assert "more than the file has" in found(target) or "not a readable tar" in found(target)


def test_a_header_that_asks_for_memory_is_refused(target: Path) -> None:
    """A long name of 8 GB: tarfile would read it at once."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    with target.open("wb") as stream:
        stream.write(info.tobuf(tarfile.GNU_FORMAT))
        stream.truncate(9 << 30)  # a hole: it takes no room
    assert "bytes at once" in found(target)


def test_a_hundred_thousand_members_are_not_all_looked_at(target: Path) -> None:
    header = tarfile.TarInfo("a.txt").tobuf()
    nemo(target)
    target.write_bytes(header * 100_000 + target.read_bytes())
    assert "more than 1000 members" in found(target)


def test_a_name_that_is_there_twice_is_refused(target: Path) -> None:
    more = [member("model_config.yaml", b"target: os.system\n")]
    assert "twice" in found(nemo(target, more=more))
    more = [member("./MODEL_config.yaml", b"target: os.system\n")]
    assert "twice" in found(nemo(target, more=more))


@pytest.mark.parametrize(
    "name", ["hook.py", "lib.so", "data.pkl", "other.ckpt", "run.sh", "x.pth", "noend", "a/b.pyc"]
)
def test_what_could_be_code_is_no_part_of_a_model(target: Path, name: str) -> None:
    assert "could be code" in found(nemo(target, more=[member(name, b"x")]))


def test_a_compressed_archive_is_refused(target: Path) -> None:
    nemo(target)
    target.write_bytes(gzip.compress(target.read_bytes()))
    assert "compressed" in found(target)


@pytest.mark.parametrize("missing", ["model_config.yaml", "model_weights.ckpt"])
def test_an_archive_without_config_or_weights_is_no_model(target: Path, missing: str) -> None:
    other = nemo(target.with_name("whole.nemo"))
    with tarfile.open(other) as source, tarfile.open(target, "w") as archive:
        for info in source.getmembers():
            if not info.name.endswith(missing):
                archive.addfile(info, source.extractfile(info))
    assert f"has no {missing}" in found(target)


HOSTILE = [
    "os.system",
    "nemo.utils.model_utils.import_class_by_path",
    "nemo.core.classes.common.safe_instantiate",
    "nemo.collections.asr.modules.ConformerEncoder.__init__.__globals__",
    "nemo.collections.asr.modules.ConformerEncoderX",
    "nemo.collections.asr.modules",
    "torch.utils.data.dataloader.multiprocessing.os.system",
    "torch.nn.modules.utils.os.system",
    "omegaconf.OmegaConf.load",
    "NEMO.collections.asr.modules.ConformerEncoder",
    " nemo.collections.asr.modules.ConformerEncoder",
    "${encoder.other}",
    "",
    "null",
]
PLACES = [
    "{key}: {value}\n",
    "a:\n  b:\n    {key}: {value}\n",
    "a:\n- 1\n- - {key}: {value}\n",
    "a: &x {{ {key}: {value} }}\nb: *x\n",
    "a: &x {{ {key}: {value} }}\nb:\n  <<: *x\n",
    "a: {{? {key} : {value} }}\n",
    "k: &k {key}\na: {{ *k : {value} }}\n",
    "v: &v {value}\na: {{ {key}: *v }}\n",
    'a: {{ "{key}": {value} }}\n',
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_target_is_refused_wherever_it_is(target: Path, place: str, value: str) -> None:
    text = place.format(key="_target_", value=f'"{value}"')
    said = found(nemo(target, config=CONFIG + "extra:\n" + _indented(text)))
    assert "isn't part of a Parakeet" in said
    assert "_target_" in said


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("key", ["target", "cls", "class_path", "_target_"])
def test_other_keys_that_are_called_are_held_to_the_same(target: Path, key: str) -> None:
    said = found(nemo(target, config=CONFIG + f"extra: {{params: {{}}, {key}: os.system}}\n"))
    assert "'os.system'" in said


def test_the_model_s_own_class_is_held_to_it_too(target: Path) -> None:
    config = CONFIG.replace("target: nemo.collections.asr.models", "target: antigravity", 1)
    assert "'antigravity.rnnt_bpe_models.EncDecRNNTBPEModel'" in found(nemo(target, config=config))


@pytest.mark.parametrize("key", ["_TARGET_", "_Target_", "Target", '" _target_"', "TARGET"])
def test_a_key_in_disguise_is_refused(target: Path, key: str) -> None:
    said = found(nemo(target, config=CONFIG + f"extra: {{{key}: os.system}}\n"))
    assert "in disguise" in said


@pytest.mark.parametrize("value", ["[os.system]", "{a: b}", "&x [*y]"])
def test_a_target_that_is_no_name_is_refused(target: Path, value: str) -> None:
    assert scan_model(nemo(target, config=CONFIG + f"y: &y 1\nextra: {{_target_: {value}}}\n"))


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!<tag:yaml.org,2002:python/module:os> x",
        "!evil x",
        "!!binary YQ==",
        "!!set {a}",
    ],
)
def test_a_tag_that_makes_objects_is_refused(target: Path, value: str) -> None:
    assert "YAML tag" in found(nemo(target, config=CONFIG + f"extra: {value}\n"))


@pytest.mark.parametrize(
    "value",
    [
        "${oc.decode:'{_target_: os.system}'}",
        "${oc.create:x}",
        "${oc.env:HOME}",
        "${multiply:1,2}",
        "${a.${b}}",
        "x${sum:1,2}y",
        "\\\\\\\\${oc.decode:x}",
    ],
)
def test_a_value_that_is_computed_is_refused(target: Path, value: str) -> None:
    said = found(nemo(target, config=CONFIG + f'extra: "{value}"\n'))
    assert "computed" in said


@pytest.mark.parametrize(
    "key", ["trust_remote_code", "init_from_ptl_ckpt", "custom_tokenizer", "ngram_lm_model"]
)
def test_a_key_that_loads_something_else_is_refused(target: Path, key: str) -> None:
    for value in ("x", "/tmp/other.nemo", "[x]", "{a: b}", "&n [z]", "${sample_rate}", "true"):
        said = found(nemo(target, config=CONFIG + f"extra: {{{key}: {value}}}\n"))
        assert "would load" in said, value
    for value in ("null", "~", "", "false"):
        assert not found(nemo(target, config=CONFIG + f"extra: {{{key}: {value}}}\n"))


def test_a_pinned_model_is_taken_for_its_sum_whatever_the_scan_says(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published models can't be had where this was written: no rule may keep them out."""
    nemo(target, config=CONFIG + "extra: {_target_: some.new.Thing}\n")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    pinned = KnownModel("v9", NEMO, "a/b", (target.name,), sha256={target.name: digest})
    monkeypatch.setattr(import_module("parakeet_cli.models.scan.model"), "KNOWN", (pinned,))
    refuse_hostile(target)
    with target.open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(EngineUnavailable, match=r"some\.new\.Thing"):
        refuse_hostile(target)


def test_yaml_that_two_readers_could_take_differently_is_refused(target: Path) -> None:
    assert "twice" in found(nemo(target, config=CONFIG + "sample_rate: 8000\n"))
    assert "more than one document" in found(nemo(target, config=CONFIG + "---\na: b\n"))
    assert "isn't text" in found(nemo(target, config=CONFIG + "? [a]\n: b\n"))
    assert "not readable YAML" in found(nemo(target, config="a: [b\n"))
    assert "not readable YAML" in found(nemo(target, config=b"a: \xff\xfe\n"))
    assert "zero byte" in found(nemo(target, config="a: b\0c\n"))
    assert "no keys" in found(nemo(target, config="- a\n"))
    assert "no keys" in found(nemo(target, config=""))


def test_a_yaml_bomb_is_refused(target: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for at in range(1, 12):
        ten = ", ".join([f"*a{at - 1}"] * 10)
        lines.append(f"a{at}: &a{at} [{ten}]")
    assert "bomb" in found(nemo(target, config=CONFIG + "\n".join(lines) + "\n"))
    assert "deep" in found(nemo(target, config=CONFIG + "d: " + "[" * 5000 + "]" * 5000 + "\n"))
    assert "itself or to nothing" in found(nemo(target, config=CONFIG + "d: &d {a: *d}\n"))
    assert "itself or to nothing" in found(nemo(target, config=CONFIG + "d: {<<: *nothing}\n"))


def test_another_yaml_in_the_archive_is_held_to_the_same(target: Path) -> None:
    more = [member("./other.yaml", b"_target_: os.system\n")]
    assert "other.yaml, _target_: names 'os.system'" in found(nemo(target, more=more))


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(target: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r}, 'w').close()"
    pickle.loads(running(code))
    assert canary.exists(), "the pickle is a live one"
    canary.unlink()
    said = found(nemo(target, weights=checkpoint(running(code))))
    assert "would import and could call" in said
    assert "exec" in said
    with pytest.raises(EngineUnavailable, match="was not loaded") as refused:
        refuse_hostile(target)
    assert refused.value.exit_code is ExitCode.ENGINE
    assert "--trust-model" in (refused.value.hint or "")
    for name in ("weights.ckpt", "weights.pt"):
        (tmp_path / name).write_bytes(checkpoint(running(code)))
        assert scan_model(tmp_path / name)
    (tmp_path / "weights.pkl").write_bytes(running(code))
    assert scan_model(tmp_path / "weights.pkl")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "STACK_GLOBAL"),
        (b"(S'true'\nios\nsystem\n.", "INST"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"cos\nsystem\n(S'true'\ntR.", "os system"),
        (b"ctorch.storage\n_load_from_bytes\n.", "_load_from_bytes"),
        (b"ccollections OrderedDict\nx\n.", "OrderedDict x"),
        (b"cbuiltins\ngetattr\n.", "getattr"),
        (b"\x80\x02}\x94\x92.", "NEWOBJ_EX"),
        (b"\x80\x02P1\n.", "PERSID"),
        (b"\x80\x02}", "damaged"),
        (b"", "damaged"),
        (b"\xff\xff", "damaged"),
    ],
)
def test_ways_to_name_a_function_are_all_seen(target: Path, data: bytes, word: str) -> None:
    assert word in found(nemo(target, weights=checkpoint(data)))


def test_a_checkpoint_with_more_in_it_than_weights_is_refused(target: Path) -> None:
    script = {"model_weights/code/__torch__.py": b"import os"}
    assert "isn't part of a state_dict" in found(nemo(target, weights=checkpoint(more=script)))
    constants = {"model_weights/constants.pkl": state_dict()}
    assert "constants.pkl" in found(nemo(target, weights=checkpoint(more=constants)))
    second = {"other/data.pkl": running("pass")}
    assert "not one state_dict" in found(nemo(target, weights=checkpoint(more=second)))
    escaping = {"model_weights/../../x": b""}
    assert "isn't part" in found(nemo(target, weights=checkpoint(more=escaping)))
    packed = checkpoint(compression=zipfile.ZIP_DEFLATED)
    assert "compressed" in found(nemo(target, weights=packed))
    assert "zip form" in found(nemo(target, weights=state_dict()))
    assert "zip form" in found(nemo(target, weights=b""))


def test_two_directories_in_one_zip_are_refused(target: Path) -> None:
    """Python would look at the one, and torch load the other."""
    good, bad = checkpoint(), checkpoint(running("pass"))
    for weights in (good + bad, bad + good, good + b"tail", good[:-22] + b"\0" * 9 + good[-22:]):
        assert scan_model(nemo(target, weights=weights)), len(weights)
    with_comment = good[:-2] + len(bad).to_bytes(2, "little") + bad
    assert scan_model(nemo(target, weights=with_comment))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_pickle_that_is_there_twice_is_refused(target: Path) -> None:
    twice = checkpoint(more={"model_weights/data.pkl": running("pass")})
    assert "twice" in found(nemo(target, weights=twice))


def test_what_is_no_model_at_all_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "noise.nemo").write_bytes(bytes(range(256)) * 40)
    assert "not a readable tar" in found(tmp_path / "noise.nemo")
    (tmp_path / "empty.nemo").touch()
    assert found(tmp_path / "empty.nemo")
    with pytest.raises(EngineUnavailable, match="can't be read"):
        scan_model(tmp_path / "missing.nemo")
    (tmp_path / "weights.safetensors").write_bytes(b"\0")
    assert scan_model(tmp_path / "weights.safetensors") == ()
