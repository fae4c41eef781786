"""From a media file to blocks of samples that know their place on the recording's clock."""
