"""What every test may ask for: the real ML stack, which is built once for all of them."""

from tests.stacks import stacks

__all__ = ["stacks"]
