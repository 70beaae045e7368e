"""The tables of agreements, their specifications and party roles.

Apart from their rooms, since references look into all of them.
"""

import sqlalchemy as sa

from trunkline.customers import store
from trunkline.customers.bodies import LONGEST
from trunkline.platform.db import Instant
from trunkline.tmf import documents

agreement = documents.table(
    "agreement",
    sa.Column("customer_id", sa.ForeignKey(store.customer.c.id)),
    sa.Column("name", sa.String(LONGEST), nullable=False),
    sa.Column("type", sa.String(LONGEST), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("specification_id", sa.String(100)),
    sa.Column("starts", Instant, nullable=False),
    sa.Column("ends", Instant),
    sa.Column("external_id", sa.String(100), unique=True),
    sa.Index("agreement_by_customer", "customer_id", "id"),
    sa.Index("agreement_by_status", "status", "id"),
    sa.Index("agreement_by_specification", "specification_id"),
)

agreement_specification = documents.table(
    "agreement_specification",
    sa.Column("name", sa.String(LONGEST), nullable=False),
    sa.Column("lifecycle_status", sa.String(20), nullable=False),
    sa.Column("version", sa.String(LONGEST)),
    sa.Index("agreement_specification_by_name", "name", "id"),
)

party_role = documents.table(
    "party_role",
    sa.Column("name", sa.String(LONGEST), nullable=False),
    sa.Column("type", sa.String(LONGEST), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("party_id", sa.String(100)),
    sa.Index("party_role_by_party", "party_id", "id"),
    sa.Index("party_role_by_name", "name", "id"),
    sa.Index("party_role_by_status", "status", "id"),
)
