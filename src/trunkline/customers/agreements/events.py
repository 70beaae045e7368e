"""What happens to agreements."""

from typing import ClassVar

from trunkline.customers.agreements.model import AgreementId
from trunkline.customers.model import CustomerId
from trunkline.platform.messages import Message


class AgreementSigned(Message, frozen=True, kw_only=True):
    """It is in force from its start on."""

    topic: ClassVar[str] = "customers.agreement_signed"

    agreement: AgreementId
    customer: CustomerId | None

    @property
    def key(self) -> str:
        return self.customer or self.agreement


class AgreementTerminated(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.agreement_terminated"

    agreement: AgreementId
    customer: CustomerId | None

    @property
    def key(self) -> str:
        return self.customer or self.agreement
