"""What every test may ask for, the real ML stack, and how hypothesis runs."""

from hypothesis import HealthCheck, settings

from tests.stacks import stacks

__all__ = ["stacks"]

# A machine that is busy is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
