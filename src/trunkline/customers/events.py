"""What happened to parties, customers, billing accounts and agreements."""

from typing import ClassVar

from trunkline.customers.model import (
    AccountState,
    AgreementId,
    BillingAccountId,
    CustomerId,
    CustomerStatus,
    PartyId,
)
from trunkline.platform.messages import Message


class PartyRegistered(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.party_registered"

    party: PartyId

    @property
    def key(self) -> str:
        return self.party


class PartyChanged(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.party_changed"

    party: PartyId

    @property
    def key(self) -> str:
        return self.party


class CustomerCreated(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.customer_created"

    customer: CustomerId

    @property
    def key(self) -> str:
        return self.customer


class CustomerChanged(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.customer_changed"

    customer: CustomerId

    @property
    def key(self) -> str:
        return self.customer


class CustomerStatusChanged(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.customer_status_changed"

    customer: CustomerId
    previous: CustomerStatus
    status: CustomerStatus

    @property
    def key(self) -> str:
        return self.customer


class BillingAccountCreated(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.billing_account_created"

    account: BillingAccountId

    @property
    def key(self) -> str:
        return self.account


class BillingAccountChanged(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.billing_account_changed"

    account: BillingAccountId

    @property
    def key(self) -> str:
        return self.account


class BillingAccountStateChanged(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.billing_account_state_changed"

    account: BillingAccountId
    previous: AccountState
    state: AccountState

    @property
    def key(self) -> str:
        return self.account


class AgreementSigned(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.agreement_signed"

    agreement: AgreementId
    customer: CustomerId

    @property
    def key(self) -> str:
        return self.customer


class AgreementTerminated(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.agreement_terminated"

    agreement: AgreementId
    customer: CustomerId

    @property
    def key(self) -> str:
        return self.customer


class ConsentGiven(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.consent_given"

    party: PartyId
    purpose: str
    channel: str

    @property
    def key(self) -> str:
        return self.party


class ConsentRefused(Message, frozen=True, kw_only=True):
    """Refused from the start, or withdrawn."""

    topic: ClassVar[str] = "customers.consent_refused"

    party: PartyId
    purpose: str
    channel: str

    @property
    def key(self) -> str:
        return self.party
