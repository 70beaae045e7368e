"""The operator's policy, kept with charging's database for those who are told nothing else:
reactions, and whoever opens the system."""

from weakref import WeakKeyDictionary

from trunkline.charging.grants import POLICY, GrantPolicy
from trunkline.platform.db import Database, Reader

_KEPT: WeakKeyDictionary[Database, GrantPolicy] = WeakKeyDictionary()


def keep_policy(charging: Database, policy: GrantPolicy) -> None:
    """For the composition root: what holds for the accounts in this database."""
    _KEPT[charging] = policy


def policy_of(r: Reader) -> GrantPolicy:
    """The default one where nobody has said anything else."""
    return _KEPT.get(r.database, POLICY)
