"""Each stream has the decoder that suits it."""

from __future__ import annotations

from av import AudioCodecContext
from av.codec import codecs_available

from parakeet_cli.audio.decode.streams.decoders import ADAPTED, decoder_for


def test_every_other_codec_decodes_its_own_stream() -> None:
    codec = AudioCodecContext.create("mp3", "r")
    assert isinstance(codec, AudioCodecContext)
    assert decoder_for(codec) is codec
    for name in ADAPTED:
        adapted = AudioCodecContext.create(name, "r")
        assert isinstance(adapted, AudioCodecContext)
        assert decoder_for(adapted) is not adapted
    assert set(ADAPTED) <= codecs_available
