from __future__ import annotations

import io

from parakeet_cli.audio.decode.recover.boxes import Box, boxes


def test_boxes_follow_one_another_with_sizes_of_32_and_64_bits_and_to_the_end() -> None:
    data = (
        b"\0\0\0\x0cftypabcd" + b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"1234"
        b"\0\0\0\0free" + b"rest"
    )
    assert list(boxes(io.BytesIO(data), 0, len(data))) == [
        Box(b"ftyp", 0, 8, 12),
        Box(b"mdat", 12, 28, 32),
        Box(b"free", 32, 40, 44),
    ]


def test_a_box_smaller_than_its_header_ends_the_walk() -> None:
    assert list(boxes(io.BytesIO(b"\0\0\0\7moov" * 3), 0, 24)) == []
