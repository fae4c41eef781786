"""What every integration test may ask for: the real ML stack."""

from tests.stacks import stacks

__all__ = ["stacks"]
