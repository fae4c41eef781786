"""A self-contained page: text, player, waveform, search."""
