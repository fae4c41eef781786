"""Writes subtitles: cues, line breaks, SubRip and WebVTT."""
