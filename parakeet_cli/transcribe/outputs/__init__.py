"""Where results go, written beside their target and renamed into place."""
