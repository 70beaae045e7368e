"""How much is tried: as much as `make test` has time for, or far more in `make fuzz`; and at which
moments processes are killed: always the same ones, or others in each round of `make soak`."""

import os
import random

from hypothesis import HealthCheck, settings

# How long a machine takes that has other things to do says nothing of what it runs.
_PATIENCE = HealthCheck.too_slow, HealthCheck.function_scoped_fixture
settings.register_profile("usual", settings(), deadline=None, suppress_health_check=_PATIENCE)
settings.register_profile("fuzz", settings.get_profile("usual"), max_examples=5_000)
settings.load_profile("usual")


def examples(usually: int) -> int:
    """Where the usual hundred is too many or too few: so many, and in the profile's proportion
    more of them."""
    return usually * settings().max_examples // 100


def dice(seed: int) -> random.Random:
    """Falls as `seed` says; in each round of `make soak` otherwise, and again as it fell there
    with that round's TRUNKLINE_TEST_ROUND."""
    return random.Random(f"{seed} {os.environ.get('TRUNKLINE_TEST_ROUND', '')}")
