"""Writes a self-contained page: text, player, waveform, search."""
