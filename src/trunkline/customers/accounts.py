"""Writes on billing accounts, each for one and for many."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.customers import store
from trunkline.customers.events import (
    BillingAccountChanged,
    BillingAccountCreated,
    BillingAccountStateChanged,
)
from trunkline.customers.kept_accounts import AccountInUse
from trunkline.customers.model import (
    ACCOUNT_LIFECYCLE,
    AccountKind,
    AccountNotFound,
    AccountState,
    BillingAccount,
    BillingAccountId,
    CustomerId,
    CustomerNotFound,
    InvalidAccount,
    NewBillingAccount,
    at,
    check_name,
    check_terms,
)
from trunkline.customers.operations import places, refuse_taken
from trunkline.customers.searching import terms_of_accounts
from trunkline.kernel.money import check_currency
from trunkline.ledger import LegalEntityId, legal_entity
from trunkline.platform.changes import Change
from trunkline.platform.collisions import collision
from trunkline.platform.db import Tx

_NOTHING: Mapping[str, Any] = {}


def create_billing_account(
    tx: Tx,
    *,
    customer: CustomerId,
    name: str,
    legal_entity: LegalEntityId,
    currency: str,
    kind: AccountKind,
    cycle_day: int = 1,
    payment_terms_days: int = 14,
    external_id: str | None = None,
    description: str | None = None,
    financial_account: str | None = None,
    details: Mapping[str, Any] = _NOTHING,
    now: datetime,
) -> BillingAccount:
    """Opens an account that bills are made for. Raises `CustomerNotFound`,
    `UnknownLegalEntity`, `InvalidAccount`, `Invalid` for a currency, `ExternalIdTaken`."""
    new = NewBillingAccount(
        customer=customer,
        name=name,
        legal_entity=legal_entity,
        currency=currency,
        kind=kind,
        cycle_day=cycle_day,
        payment_terms_days=payment_terms_days,
        external_id=external_id,
        description=description,
        financial_account=financial_account,
        details=details,
    )
    return _create_accounts(tx, [new], [""], now)[0]


def create_billing_accounts(
    tx: Tx, accounts: Sequence[NewBillingAccount], *, now: datetime
) -> list[BillingAccount]:
    """All of them, or none: the errors are those of `create_billing_account`, their paths begin
    with `[i]`."""
    return _create_accounts(tx, accounts, places(accounts), now)


def change_billing_account(
    tx: Tx,
    *,
    account: BillingAccountId,
    name: str | None = None,
    description: str | None = None,
    payment_terms_days: int | None = None,
    financial_account: str | None = None,
    details: Mapping[str, Any] = _NOTHING,
    now: datetime,
) -> BillingAccount:
    """Changes what is given; currency, legal entity, kind and cycle stay for good. Raises
    `AccountNotFound`, `InvalidAccount`, `InvalidParty` for a name."""
    present = _locked_account(tx, account)
    days = present.payment_terms_days if payment_terms_days is None else payment_terms_days
    check_terms(present.cycle_day, days)
    changed = msgspec.structs.replace(
        present,
        name=present.name if name is None else check_name(name, path="name"),
        description=_description(present.description if description is None else description),
        payment_terms_days=days,
        financial_account=financial_account or present.financial_account,
        details=_merged(present.details, details),
    )
    if changed == present:
        return present
    changed = msgspec.structs.replace(changed, updated_at=now)
    store.update_account(tx, changed)
    tx.emit(BillingAccountChanged(account=account))
    tx.changed("BillingAccount", account, Change.ATTRIBUTES)
    return changed


def delete_billing_account(tx: Tx, account: BillingAccountId) -> None:
    """Forgets an account that nothing was ever made for, which the caller has made sure of; any
    other is closed. Raises `AccountNotFound`, and `AccountInUse` where something refers to it."""
    _locked_account(tx, account)
    used = AccountInUse("something has come to refer to it: close it", path="id")
    with collision(missing=used):
        store.delete_account(tx, account)
    tx.changed("BillingAccount", account, Change.DELETED)


def change_account_state(
    tx: Tx, *, account: BillingAccountId, to: AccountState, now: datetime
) -> BillingAccount:
    """Raises `AccountNotFound`, `IllegalTransition`."""
    present = _locked_account(tx, account)
    ACCOUNT_LIFECYCLE.check(present.state, to)
    changed = msgspec.structs.replace(present, state=to, updated_at=now)
    store.update_account(tx, changed)
    tx.emit(BillingAccountStateChanged(account=account, previous=present.state, state=to))
    tx.changed("BillingAccount", account, Change.STATE)
    return changed


def _create_accounts(
    tx: Tx, accounts: Sequence[NewBillingAccount], paths: Sequence[str], now: datetime
) -> list[BillingAccount]:
    customers = store.find_customers(tx, {new.customer for new in accounts})
    for entity in {new.legal_entity for new in accounts}:
        legal_entity(tx, entity)
    refuse_taken(tx, store.billing_account, accounts, paths)
    created = []
    for new, path in zip(accounts, paths, strict=True):
        if new.customer not in customers:
            raise CustomerNotFound(
                f"there is no customer {new.customer[:60]}", path=at(path, "customer")
            )
        check_terms(new.cycle_day, new.payment_terms_days, path=path)
        created.append(
            BillingAccount(
                id=tx.new_id(BillingAccountId, now),
                customer=new.customer,
                name=check_name(new.name, path=at(path, "name")),
                state=AccountState.ACTIVE,
                legal_entity=new.legal_entity,
                currency=check_currency(new.currency, path=at(path, "currency")),
                kind=new.kind,
                cycle_day=new.cycle_day,
                payment_terms_days=new.payment_terms_days,
                external_id=new.external_id,
                description=_description(new.description, path=path),
                financial_account=new.financial_account,
                details=new.details,
                created_at=now,
                updated_at=now,
            )
        )
    store.insert_accounts(tx, created)
    terms: dict[CustomerId, set[str]] = {}
    for each in created:
        terms.setdefault(each.customer, set()).update(terms_of_accounts([each]))
        tx.emit(BillingAccountCreated(account=each.id))
        tx.changed("BillingAccount", each.id, Change.CREATED)
    store.add_terms(tx, terms)
    return created


def _merged(present: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    """None takes away."""
    return {name: each for name, each in {**present, **said}.items() if each is not None}


def _description(text: str | None, *, path: str = "") -> str | None:
    if text is not None and (len(text) > 400 or "\0" in text):
        raise InvalidAccount(
            "a description has at most 400 characters", path=at(path, "description")
        )
    return text


def _locked_account(tx: Tx, account: BillingAccountId) -> BillingAccount:
    present = store.find_accounts(tx, [account], lock=True).get(account)
    if present is None:
        raise AccountNotFound(f"there is no billing account {account[:60]}")
    return present
