"""Scripts that run in the ML interpreter, and the runner that starts them."""
