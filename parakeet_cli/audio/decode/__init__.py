"""Decodes media files to blocks of samples with their place on the recording's clock."""
