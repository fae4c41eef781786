"""Subtitles: cues, line breaks, SRT and WebVTT."""
