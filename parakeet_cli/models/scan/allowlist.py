"""Lists the parts that NeMo's models are made of; a model file with any other is refused.

The classes are those that NeMo's own configurations name (its examples/asr/conf, examples/slu and
examples/speaker_tasks) and the model classes that NeMo writes as `target`. Their constructors, in
NeMo 2.4.0 and 3.0.0, make networks of numbers: none opens a file or imports by a name, but by the
keys that are checked here. Names are exact, because attacks went through allowed packages.

`TARGETS` are the parts of models with a transducer or CTC head (conformer, fastconformer,
citrinet, carnelinet, contextnet, quartznet, jasper, lstm, squeezeformer, transformer, wav2vec,
adapters), which the engine nemo loads. `OTHER_TARGETS` are those of Canary, speech translation,
understanding, diarizers, speaker and speech classifiers, and pretraining: they run no code
either, but aren't what the engine is made for: it refuses them before anything is loaded.

Not listed, although NeMo's examples are for them, because they restore, download or read others:
EncDecDiarLabelModel (a speaker model: models/msdd_models.py of 2.4.0, 195 and 207),
ClusteringDiarizer (models/clustering_diarizer.py of 3.0.0, 108 to 150), ASRWithTTSModel
(models/hybrid_asr_tts_models.py of 2.4.0, 177 to 210), ConfidenceEnsembleModel
(models/confidence_ensemble.py of 2.4.0, 279) and the k2 models (token_lm, by torch.load:
parts/k2/utils.py of 2.4.0, 105). GPTTransducerDecoder, RNNTTransformerDecoder and TSVAD_module,
of branches, are in no release.
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
    "ParallelConvASREncoder",
    "RNNEncoder",
    "TransformerEncoder",  # since NeMo 3.0
    "transformer_encoder.TransformerEncoder",
    "transformer_encoder.StreamingTransformerEncoder",  # after NeMo 3.0.0: read in its repository
    "wav2vec_modules.ConvFeatureEncoder",
    "wav2vec_modules.Wav2VecTransformerEncoder",
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

_ATTENTION = "nemo.collections.asr.parts.submodules.adapters.multi_head_attention_adapter_module"
_STRATEGIES = "nemo.core.classes.mixins.adapter_mixin_strategies"
_ADAPTERS = (
    "nemo.collections.common.parts.adapter_modules.LinearAdapter",
    f"{_STRATEGIES}.ResidualAddAdapterStrategy",
    f"{_STRATEGIES}.ReturnResultAdapterStrategy",
    f"{_ATTENTION}.MultiHeadAttentionAdapter",
    f"{_ATTENTION}.RelPositionMultiHeadAttentionAdapter",
    f"{_ATTENTION}.PositionalEncodingAdapter",
    f"{_ATTENTION}.RelPositionalEncodingAdapter",
    f"{_ATTENTION}.MHAResidualAddAdapterStrategy",
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

_OTHER_PARTS = (
    # Classifiers of speech and speakers, diarizers: marblenet, matchboxnet, titanet, ecapa_tdnn,
    # speakernet, sortformer
    "CropOrPadSpectrogramAugmentation",
    "ConvASRDecoderClassification",
    "ECAPAEncoder",
    "SpeakerDecoder",
    "sortformer_modules.SortformerModules",
    "msdd_diarizer.MSDD_module",
    # Pretraining: ssl/citrinet, conformer, contextnet, wav2vec, nest
    "ConvASRDecoderReconstruction",
    "RNNTDecoderJointSSL",
    "MultiSoftmaxDecoder",
    "RandomBlockMasking",
    "RandomProjectionVectorQuantizer",
    "ConformerMultiLayerFeaturePreprocessor",
    "ssl_modules.MultiSpeakerNoiseAugmentation",
    "ssl_modules.SpeakerNoiseAugmentation",
    "ssl_modules.multi_layer_feat.Aggregator",
    "ssl_modules.multi_layer_feat.ConformerMultiLayerFeaturePreprocessor",
    # Canary, speech translation and understanding
    "transformer.get_nemo_transformer",  # refuses to download
    "transformer.TransformerDecoder",
    "transformer.TransformerEmbedding",
    "transformer.TransformerEncoder",
    "transformer.transformer_encoders.TransformerEncoder",
    "transformer.transformer_encoders.TransformerEncoderAdapter",
    "transformer.transformer_modules.FixedPositionalEncoding",
)

_OTHERS = (
    "nemo.collections.asr.losses.AngularSoftmaxLoss",
    "nemo.collections.asr.losses.angularloss.AngularSoftmaxLoss",
    "nemo.collections.asr.losses.BCELoss",
    "nemo.collections.asr.losses.bce_loss.BCELoss",
    "nemo.collections.asr.losses.ContrastiveLoss",
    "nemo.collections.asr.losses.CTCLossForSSL",
    "nemo.collections.asr.losses.MLMLoss",
    "nemo.collections.asr.losses.MultiMLMLoss",
    "nemo.collections.asr.losses.RNNTLossForSSL",
    "nemo.collections.asr.parts.submodules.token_classifier.TokenClassifier",
    "nemo.collections.common.losses.cross_entropy.CrossEntropyLoss",
    "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
    "nemo.collections.common.parts.MultiLayerPerceptron",
    "nemo.collections.common.tokenizers.canary_tokenizer.CanaryBPETokenizer",
    "nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer",
)

_OTHER_MODEL_CLASSES = {
    "EncDecMultiTaskModel": "aed_multitask_models",
    "EncDecTransfModelBPE": "transformer_bpe_models",
    "SLUIntentSlotBPEModel": "slu_models",
    "EncDecClassificationModel": "classification_models",
    "EncDecFrameClassificationModel": "classification_models",
    "EncDecRegressionModel": "classification_models",
    "EncDecSpeakerLabelModel": "label_models",
    "SortformerEncLabelModel": "sortformer_diar_models",
    "SpeechEncDecSelfSupervisedModel": "ssl_models",
    "EncDecMaskedTokenPredModel": "ssl_models",
    "EncDecDenoiseMaskedTokenPredModel": "ssl_models",
    # Transducers that need more than sound, or write more than text: 3.0.0
    "EncDecMultiTalkerRNNTBPEModel": "multitalker_asr_models",
    "EncDecRNNTBPEEOUModel": "asr_eou_models",
    "EncDecHybridRNNTCTCBPEEOUModel": "asr_eou_models",
}

OTHER_TARGETS = frozenset(
    [
        *(f"{_MODULES}.{name}" for name in _OTHER_PARTS),
        *_OTHERS,
        *(f"{_MODELS}.{name}" for name in _OTHER_MODEL_CLASSES),
        *(f"{_MODELS}.{module}.{name}" for name, module in _OTHER_MODEL_CLASSES.items()),
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
        *("_partial_", "_args_", "trust_remote_code"),
        *("init_from_nemo_model", "init_from_pretrained_model", "init_from_ptl_ckpt"),
        *("language_model_class", "nemo_file_path", "load_from_checkpoint"),
    ]
)

# As those, but for a mapping, whose `_target_` is checked wherever it is: Canary's.
REFUSED_NAMES = frozenset(["custom_tokenizer"])

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
