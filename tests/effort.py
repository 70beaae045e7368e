"""How much a property is tried: as much as `make test` has time for, or far more in `make fuzz`."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz",
    max_examples=5_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def examples(usually: int) -> int:
    """Where the usual hundred is too many or too few: so many, and in the profile's proportion
    more of them."""
    return usually * settings().max_examples // 100
