"""The house as it stands obeys its rules."""

from pathlib import Path

import pytest

from tests.architecture.rules import DOMAINS, RULES, Source

ROOT = Path(__file__).parents[2] / "src" / "trunkline"
SOURCES = [Source.read(ROOT, path) for path in sorted(ROOT.rglob("*.py"))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule):
    violations = [str(each) for source in SOURCES for each in rule(source)]
    assert not violations, "\n".join(violations)


def test_every_domain_states_its_charter_and_its_public_names():
    for domain in sorted(DOMAINS):
        face = next(s for s in SOURCES if s.place == Path(domain, "__init__.py"))
        assert (face.tree.body[0].value.value or "").strip(), f"{domain} has no charter"  # type: ignore[attr-defined]
        assert "__all__" in face.text, f"{domain} does not name what is public"
