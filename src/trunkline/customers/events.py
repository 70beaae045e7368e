"""What happened to parties, customers, billing accounts, agreements and tickets."""

from typing import ClassVar

from trunkline.customers.agreements.events import AgreementSigned as AgreementSigned
from trunkline.customers.agreements.events import AgreementTerminated as AgreementTerminated
from trunkline.customers.model import (
    AccountState,
    BillingAccountId,
    CustomerId,
    CustomerStatus,
    PartyId,
)
from trunkline.customers.privacy.events import ConsentGiven as ConsentGiven
from trunkline.customers.privacy.events import ConsentRefused as ConsentRefused
from trunkline.customers.tickets.events import TicketBreached as TicketBreached
from trunkline.customers.tickets.events import TicketOpened as TicketOpened
from trunkline.customers.tickets.events import TicketStatusChanged as TicketStatusChanged
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


class PartyDeleted(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.party_deleted"

    party: PartyId

    @property
    def key(self) -> str:
        return self.party


class PartyErased(Message, frozen=True, kw_only=True):
    """Who they are is forgotten, at their wish. `known_as` has the ids of the party and of its
    customers, `accounts` those of their billing accounts."""

    topic: ClassVar[str] = "customers.party_erased"

    party: PartyId
    known_as: tuple[str, ...]
    accounts: tuple[str, ...]

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


class CustomerDeleted(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.customer_deleted"

    customer: CustomerId

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
