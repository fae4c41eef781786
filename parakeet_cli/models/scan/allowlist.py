"""Lists the parts that a Parakeet is made of; a model file with any other is refused.

The classes are those that NeMo's own configurations of models with a transducer or CTC head name
(its examples/asr/conf: conformer, fastconformer, citrinet, contextnet, quartznet, jasper, lstm,
squeezeformer, adapters) and the model classes that NeMo writes as `target`. Their constructors
make networks of numbers: none opens a file or imports by a name, but by the keys that are checked
here. Names are exact, because attacks went through allowed packages.
"""

from __future__ import annotations

_MODULES = "nemo.collections.asr.modules"
_MODELS = "nemo.collections.asr.models"

_PARTS = (
    "AudioToMelSpectrogramPreprocessor",
    "AudioToMFCCPreprocessor",
    "SpectrogramAugmentation",
    "MaskedPatchAugmentation",
    "ConformerEncoder",
    "ConformerEncoderAdapter",
    "ConvASREncoder",
    "ConvASREncoderAdapter",
    "RNNEncoder",
    "SqueezeformerEncoder",  # until NeMo 2.4
    "SqueezeformerEncoderAdapter",
    "RNNTDecoder",
    "StatelessTransducerDecoder",
    "RNNTJoint",
    "SampledRNNTJoint",
    "HATJoint",
    "ConvASRDecoder",
    "LSTMDecoder",
)

_ADAPTERS = (
    "nemo.collections.common.parts.adapter_modules.LinearAdapter",
    "nemo.core.classes.mixins.adapter_mixin_strategies.ResidualAddAdapterStrategy",
)

# NeMo writes the module that defines the class; people write the package.
_MODEL_CLASSES = {
    "EncDecRNNTBPEModel": "rnnt_bpe_models",
    "EncDecRNNTModel": "rnnt_models",
    "EncDecCTCModelBPE": "ctc_bpe_models",
    "EncDecCTCModel": "ctc_models",
    "EncDecHybridRNNTCTCBPEModel": "hybrid_rnnt_ctc_bpe_models",
    "EncDecHybridRNNTCTCModel": "hybrid_rnnt_ctc_models",
    # NeMo 3: the language is a prompt.
    "EncDecRNNTBPEModelWithPrompt": "rnnt_bpe_models_prompt",
    "EncDecHybridRNNTCTCBPEModelWithPrompt": "hybrid_rnnt_ctc_bpe_models_prompt",
}

TARGETS = frozenset(
    [
        *(f"{_MODULES}.{name}" for name in _PARTS),
        *_ADAPTERS,
        *(f"{_MODELS}.{name}" for name in _MODEL_CLASSES),
        *(f"{_MODELS}.{module}.{name}" for name, module in _MODEL_CLASSES.items()),
    ]
)

# How NeMo's configurations for training name the trainer's strategy, beside the model: a model
# that is restored has no use for it.
STRATEGIES = frozenset(
    f"{package}.strategies.DDPStrategy" for package in ("pytorch_lightning", "lightning.pytorch")
)

# Keys whose value NeMo imports and calls: Hydra's, NeMo's own `target`, Hydra 0's `cls`,
# which NeMo rewrites to `_target_`, and those that its other collections and Lightning read.
TARGET_KEYS = frozenset(
    ["_target_", "target", "cls", "_cls_", "class_path", "classpath", "_class_", "class_name"]
)

# Keys that load other people's code or another model: only null and false are allowed. Those
# that open files are in file_keys.py.
REFUSED_KEYS = frozenset(
    [
        *("_partial_", "_args_", "custom_tokenizer", "trust_remote_code"),
        *("init_from_nemo_model", "init_from_pretrained_model", "init_from_ptl_ckpt"),
        *("language_model_class", "nemo_file_path", "load_from_checkpoint"),
    ]
)

# The functions that torch.save has called for a state_dict; none of them takes a callable.
FUNCTIONS = frozenset(
    [
        ("collections", "OrderedDict"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_parameter"),
    ]
)

# All that it names: the types of storage are never called.
GLOBALS = FUNCTIONS | frozenset(
    [
        *(
            ("torch", f"{kind}Storage")
            for kind in (
                *("Float", "Double", "Half", "BFloat16"),
                *("Long", "Int", "Short", "Char", "Byte", "Bool"),
            )
        ),
    ]
)

# Opcodes of such a pickle (protocol 2), and those that newer protocols write in their place.
OPCODES = frozenset(
    [
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK"),
        *("GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
        *("NONE", "NEWTRUE", "NEWFALSE"),
        *("INT", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES"),
        *("BINSTRING", "SHORT_BINSTRING"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
        *("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET", "MEMOIZE"),
    ]
)

# Members of a .nemo beside model_config.yaml and model_weights.ckpt: data that NeMo passes to
# sentencepiece or reads as text.
DATA_SUFFIXES = frozenset([".model", ".vocab", ".txt", ".json", ".tsv"])
