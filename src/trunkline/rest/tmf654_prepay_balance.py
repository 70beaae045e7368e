"""TMF654 Prepay Balance Management, v4: buckets, and what is done to them.

A product that is charged for use has a monetary bucket, whose id is the product's, where it is
prepaid or hybrid; a hybrid one has another, whose id ends in `~credit`, of what may still go onto
the month's bill; one for each allowance of the running month, whose id is the product's with the
bucket's number; and where it is a pool's member one for each kind of what it still may have of
that, whose id ends in `~shared` (money) or `~shared.data` and the like. TMF677 tells of the same.
Only the balance is topped up, adjusted, transferred and reserved.

A top-up is a payment: the id of one is that of the payment in TMF676. Or it came by a channel:
`voucher` is a voucher's code when it is asked for, and its serial number when it is told; a code
that gives nothing is refused, and kept as a top-up that failed. All four are `created`
until charging has done them and then `completed`, or `failed` where it could not: `statusReason`,
an extension, says why. An adjustment is for a reason, and takes money where its amount is below
zero. A reservation holds until its `validFor.endDateTime` (a day from now where it doesn't say),
or until its status becomes `cancelled`; what has moved money stays as it is.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, cast

import sqlalchemy as sa

from trunkline.charging import (
    ACCOUNTS,
    BALANCE_ACTIONS,
    ActionKind,
    BalanceAction,
    balance_actions,
)
from trunkline.customers import BILLING_ACCOUNTS
from trunkline.payments import AUTOMATIC, PAYMENTS, Purpose
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Reader, Tx
from trunkline.rest.forms.in_accounts import InAccounts, inside
from trunkline.rest.forms.prepay_actions import (
    NAMES,
    ActionCreate,
    ActionForm,
    ActionPatch,
    AdjustCreate,
    AdjustForm,
    ReserveCreate,
    ReserveForm,
    StatusPatch,
    TransferCreate,
    TransferForm,
    adjust,
    adjust_form,
    change_status,
    describe,
    forget,
    reserve,
    reserve_form,
    transfer,
    transfer_form,
)
from trunkline.rest.forms.prepay_buckets import (
    BUCKETS,
    SUMS,
    BucketForm,
    SumForm,
    buckets_of,
    sums_of,
)
from trunkline.rest.forms.prepay_top_ups import (
    HISTORY,
    TOP_UPS,
    HistoryForm,
    TopUp,
    TopUpCreate,
    TopUpForm,
    describe_top_up,
    find_history,
    find_top_ups,
    history_form,
    keep,
    keep_status,
    refusal,
    top_up,
    top_up_form,
)
from trunkline.rest.forms.wire import (
    BALANCE,
)
from trunkline.tmf import (
    Api,
    Task,
    Verb,
    amount,
    column,
    owned_elsewhere,
    owned_through,
)
from trunkline.vouchers import CHANNEL_TOP_UPS, TopUpState

_actions = BALANCE_ACTIONS.c
_ACTION_PATHS = {
    "bucket.id": _actions.account,
    "product.id": _actions.account,
    "partyAccount.id": _actions.billing_account_id,
    "status": _actions.state,
    "requestedDate": _actions.requested_at,
    "confirmationDate": _actions.confirmed_at,
    "reason": _actions.reason,
    "description": _actions.description,
    "amount.amount": amount(_actions.amount_micros),
    "amount.units": _actions.currency,
}
_PAYER = (BILLING_ACCOUNTS.c.id, BILLING_ACCOUNTS.c.customer_id)
_READ_BY_PAYER = owned_through(_actions.billing_account_id, *_PAYER, writes=False)


def _task(
    kind: ActionKind,
    form: type[ActionForm],
    accepts: type[ActionCreate],
    create: Callable[[Tx, Any, datetime], str],
    to_wire: Callable[[BalanceAction], ActionForm],
    **others: Any,
) -> Task[BalanceAction]:
    name = NAMES[kind]
    declared: dict[str, Any] = {
        "paths": _ACTION_PATHS,
        "owner": _READ_BY_PAYER,
        **others,
    }
    return Task(
        path=f"{BALANCE}/{name}",
        type=name[0].upper() + name[1:],
        arrivals={"cancelled": "CancelEvent", "failed": "FailureEvent"},
        key=_actions.id,
        where=_actions.kind == kind.value,
        find=balance_actions,
        to_wire=to_wire,
        form=form,
        accepts=accepts,
        create=create,
        verbs=(
            Verb(on="status", form=StatusPatch, run=change_status),
            Verb(form=ActionPatch, run=describe),
        ),
        delete=forget,
        **declared,
    )


_TOP_UP_STATUS = sa.case(
    (PAYMENTS.c.confirmed_at.is_(None), "created"),
    (PAYMENTS.c.failure.is_not(None), "failed"),
    else_="completed",
)
_channelled = CHANNEL_TOP_UPS.c
_PAID = (
    sa.select(
        PAYMENTS.c.id,
        PAYMENTS.c.subscriber_id.label("account"),
        PAYMENTS.c.billing_account_id,
        PAYMENTS.c.received_at.label("requested_at"),
        PAYMENTS.c.confirmed_at,
        _TOP_UP_STATUS.label("state"),
        PAYMENTS.c.amount_micros,
        PAYMENTS.c.currency,
    ).where(PAYMENTS.c.purpose == Purpose.TOP_UP.value),
    sa.select(
        _channelled.id,
        _channelled.account,
        _channelled.billing_account_id,
        _channelled.requested_at,
        _channelled.confirmed_at,
        sa.case(
            (_channelled.state == TopUpState.REVERSED.value, "cancelled"),
            (_channelled.state == TopUpState.REVERSING.value, TopUpState.COMPLETED.value),
            else_=_channelled.state,
        ).label("state"),
        _channelled.amount_micros,
        _channelled.currency,
    ),
)
_TOP_UPS = sa.union_all(
    _PAID[0].add_columns(
        PAYMENTS.c.payment_method_id,
        (PAYMENTS.c.source == AUTOMATIC).label("automatic"),
        sa.null().cast(sa.String).label("voucher"),
    ),
    _PAID[1].add_columns(
        sa.null().cast(sa.String).label("payment_method_id"),
        sa.false().label("automatic"),
        _channelled.serial.cast(sa.String).label("voucher"),
    ),
).subquery("top_ups")
_ALL = sa.union_all(
    *(
        each.add_columns(
            sa.literal_column("'topupBalance'", sa.String).label("action"),
            sa.literal_column("NULL", sa.String).label("to_account"),
        )
        for each in _PAID
    ),
    sa.select(
        _actions.id,
        _actions.account,
        _actions.billing_account_id,
        _actions.requested_at,
        _actions.confirmed_at,
        _actions.state,
        _actions.amount_micros,
        _actions.currency,
        sa.case({kind.value: name for kind, name in NAMES.items()}, value=_actions.kind).label(
            "action"
        ),
        _actions.to_account,
    ),
).subquery("balance_action_history")


def _history() -> Task[Any]:
    return Task(
        path=HISTORY,
        type="BalanceActionHistory",
        key=_ALL.c.id,
        order=(cast("sa.Column[Any]", _ALL.c.id),),
        paths={
            "action": _ALL.c.action,
            "bucket.id": _ALL.c.account,
            "product.id": _ALL.c.account,
            "partyAccount.id": _ALL.c.billing_account_id,
            "receiverBucket.id": _ALL.c.to_account,
            "status": column(_ALL.c.state),
            "requestedDate": _ALL.c.requested_at,
            "confirmationDate": _ALL.c.confirmed_at,
            "amount.amount": amount(_ALL.c.amount_micros),
            "amount.units": _ALL.c.currency,
        },
        owner=owned_through(_ALL.c.billing_account_id, *_PAYER, writes=False),
        find=find_history,
        to_wire=history_form,
        form=HistoryForm,
    )


def _top_ups(database: Database) -> Task[TopUp]:
    return Task(
        path=TOP_UPS,
        type="TopupBalance",
        key=_TOP_UPS.c.id,
        order=(cast("sa.Column[Any]", _TOP_UPS.c.id),),
        paths={
            "bucket.id": _TOP_UPS.c.account,
            "product.id": _TOP_UPS.c.account,
            "partyAccount.id": _TOP_UPS.c.billing_account_id,
            "paymentMethod.id": _TOP_UPS.c.payment_method_id,
            "status": column(_TOP_UPS.c.state),
            "requestedDate": _TOP_UPS.c.requested_at,
            "confirmationDate": _TOP_UPS.c.confirmed_at,
            "amount.amount": amount(_TOP_UPS.c.amount_micros),
            "amount.units": _TOP_UPS.c.currency,
            "isAutoTopup": _TOP_UPS.c.automatic,
            "voucher": _TOP_UPS.c.voucher,
        },
        owner=owned_through(_TOP_UPS.c.billing_account_id, *_PAYER, deletes=False),
        find=find_top_ups,
        to_wire=top_up_form,
        form=TopUpForm,
        accepts=TopUpCreate,
        create=partial(top_up, database),
        refusal=refusal,
        verbs=(
            Verb(on="status", form=StatusPatch, run=keep_status),
            Verb(form=ActionPatch, run=describe_top_up),
        ),
        delete=keep,
    )


def _accounts_of(books: Reader, customer: str) -> list[str]:
    table = BILLING_ACCOUNTS.c
    return list(books.execute(sa.select(table.id).where(table.customer_id == customer)).scalars())


_BY_CUSTOMER = owned_elsewhere(ACCOUNTS.c.billing_account, _accounts_of, writes=False)


def api(books: Database, charging: Database, clock: Clock) -> Api:
    """The API over charging's database; what is done to balances comes in by the books."""
    return Api(
        number="TMF654",
        title="Prepay Balance Management",
        version="4.0.0",
        base=BALANCE,
        resources=(
            InAccounts(
                path=BUCKETS,
                type="Bucket",
                key=ACCOUNTS.c.id,
                database="charging",
                owner=_BY_CUSTOMER,
                paths=inside(
                    "usageType", "status", "statusReason", "name", "description",
                    "remainingValueName", "remainingValue.units", "reservedValue.units",
                    numbers=("remainingValue.amount", "reservedValue.amount"),
                    flags=("isShared",),
                    instants=("validFor.startDateTime", "validFor.endDateTime"),
                ),
                find=lambda _r, _ids: (),
                to_wire=lambda form: form,
                form=BucketForm,
                forms=buckets_of,
                now=clock.now,
                books=books,
            ),
            InAccounts(
                path=SUMS,
                type="AccumulatedBalance",
                key=ACCOUNTS.c.id,
                database="charging",
                owner=_BY_CUSTOMER,
                paths=inside(
                    "usageType", "name", "description", "bucket.id", "bucket.name",
                    "totalBalance.units",
                    numbers=("totalBalance.amount",),
                ),
                find=lambda _r, _ids: (),
                to_wire=lambda form: form,
                form=SumForm,
                forms=sums_of,
                now=clock.now,
                books=books,
            ),
            _top_ups(charging),
            _task(
                ActionKind.ADJUSTMENT, AdjustForm, AdjustCreate,
                partial(adjust, charging), adjust_form,
            ),
            _task(
                ActionKind.TRANSFER, TransferForm, TransferCreate,
                partial(transfer, charging), transfer_form,
                paths={**_ACTION_PATHS, "receiverBucket.id": _actions.to_account},
                owner=owned_through(_actions.billing_account_id, *_PAYER),
            ),
            _task(
                ActionKind.RESERVATION, ReserveForm, ReserveCreate,
                partial(reserve, charging), reserve_form,
                paths={**_ACTION_PATHS, "validFor.endDateTime": _actions.until},
            ),
            _history(),
        ),
    )  # fmt: skip
