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

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

import msgspec
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
from trunkline.rest.forms.lookups import of_row, owners
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
    MONETARY,
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
    payer_of,
    refusal,
    top_up,
    top_up_form,
)
from trunkline.rest.forms.wire import BALANCE, Party
from trunkline.tmf import (
    Api,
    Path,
    Task,
    Verb,
    amount,
    column,
    either,
    in_json,
    owned_elsewhere,
    owned_through,
)
from trunkline.tmf.paths import Expression
from trunkline.vouchers import CHANNEL_TOP_UPS, TopUpState

_actions = BALANCE_ACTIONS.c
_PAYER = (BILLING_ACCOUNTS.c.id, BILLING_ACCOUNTS.c.customer_id)


def _always(text: str) -> Path:
    """What every row shows."""
    return column(sa.literal(text, sa.String))


def _paths(table: Any, **others: Path | Expression) -> dict[str, Path | Expression]:
    """What all kinds of actions are found by."""
    said = ("channel.id", "channel.name", "requestor.id", "requestor.name", "logicalResource.id")
    return {
        "bucket.id": table.account,
        "product.id": table.account,
        "partyAccount.id": table.billing_account_id,
        "relatedParty.id": of_row(_PAYER[1], reference=table.billing_account_id, key=_PAYER[0]),
        "usageType": _always(MONETARY),
        "status": column(table.state),
        "statusReason": column(table.failure),
        "requestedDate": table.requested_at,
        "confirmationDate": table.confirmed_at,
        "amount.amount": amount(table.amount_micros),
        "amount.units": table.currency,
        **{name: in_json(table.details, name) for name in said},
        **others,
    }


_ACTION_PATHS = _paths(_actions, reason=_actions.reason, description=_actions.description)
_RECEIVER_PATHS = {
    "receiverBucket.id": _actions.to_account,
    "receiverProduct.id": _actions.to_account,
    "receiverLogicalResource.id": in_json(_actions.details, "receiverLogicalResource.id"),
    "receiver.id": in_json(_actions.details, "receiver.id"),
    "receiverBucketUsageType": _always(MONETARY),
    "costOwner": in_json(_actions.details, "costOwner"),
}
_READ_BY_PAYER = owned_through(_actions.billing_account_id, *_PAYER, writes=False)


Done = TypeVar("Done", bound="BalanceAction | TopUp")
Owned = tuple[Done, Party | None]
"""What was done, and whose account it was done to."""


def _with_owners(
    find: Callable[[Reader, Sequence[str]], Sequence[Done]],
) -> Callable[[Reader, Sequence[str]], list[Owned[Done]]]:
    def found(r: Reader, ids: Sequence[str]) -> list[Owned[Done]]:
        done = find(r, ids)
        parties = owners(r, [payer_of(each) for each in done])
        return [(each, parties.get(payer_of(each))) for each in done]

    return found


def _owned(form: Callable[[Done], ActionForm]) -> Callable[[Owned[Done]], ActionForm]:
    def owned(pair: Owned[Done]) -> ActionForm:
        done, party = pair
        parties = () if party is None else (party,)
        return msgspec.structs.replace(form(done), related_party=parties)

    return owned


def _task(
    kind: ActionKind,
    form: type[ActionForm],
    accepts: type[ActionCreate],
    create: Callable[[Tx, Any, datetime], str],
    to_wire: Callable[[BalanceAction], ActionForm],
    **others: Any,
) -> Task[Owned[BalanceAction]]:
    name = NAMES[kind]
    declared: dict[str, Any] = {"owner": _READ_BY_PAYER, **others}
    return Task(
        path=f"{BALANCE}/{name}",
        type=name[0].upper() + name[1:],
        arrivals={"cancelled": "CancelEvent", "failed": "FailureEvent"},
        key=_actions.id,
        where=_actions.kind == kind.value,
        find=_with_owners(balance_actions),
        to_wire=_owned(to_wire),
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


# SQLite looks for rows in each part of a union by its index only where the parts' columns are of
# the same type, which neither a CASE nor a bare NULL has.
_NULL = sa.null().cast(sa.String)
_TOP_UP_STATUS = sa.case(
    (PAYMENTS.c.confirmed_at.is_(None), "created"),
    (PAYMENTS.c.failure.is_not(None), "failed"),
    else_="completed",
).cast(sa.String)
_channelled = CHANNEL_TOP_UPS.c
_PAID = (
    sa.select(
        PAYMENTS.c.id,
        PAYMENTS.c.subscriber_id.label("account"),
        PAYMENTS.c.billing_account_id,
        PAYMENTS.c.received_at.label("requested_at"),
        PAYMENTS.c.confirmed_at,
        _TOP_UP_STATUS.label("state"),
        PAYMENTS.c.failure,
        PAYMENTS.c.amount_micros,
        PAYMENTS.c.currency,
        PAYMENTS.c.details,
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
        )
        .cast(sa.String)
        .label("state"),
        _channelled.reason,
        _channelled.amount_micros,
        _channelled.currency,
        _channelled.details,
    ),
)
_TOP_UPS = sa.union_all(
    _PAID[0].add_columns(
        PAYMENTS.c.payment_method_id,
        (PAYMENTS.c.source == AUTOMATIC).label("automatic"),
        _NULL.label("voucher"),
    ),
    _PAID[1].add_columns(
        _NULL.label("payment_method_id"),
        sa.false().label("automatic"),
        _channelled.serial.cast(sa.String).label("voucher"),
    ),
).subquery("top_ups")
_ALL = sa.union_all(
    *(
        each.add_columns(
            sa.literal_column("'topupBalance'", sa.String).label("action"),
            _NULL.label("to_account"),
            _NULL.label("reason"),
            _NULL.label("description"),
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
        _actions.failure,
        _actions.amount_micros,
        _actions.currency,
        _actions.details,
        sa.case({kind.value: name for kind, name in NAMES.items()}, value=_actions.kind).label(
            "action"
        ),
        _actions.to_account,
        _actions.reason,
        _actions.description,
    ),
).subquery("balance_action_history")


def _history() -> Task[Any]:
    return Task(
        path=HISTORY,
        type="BalanceActionHistory",
        key=_ALL.c.id,
        order=(cast("sa.Column[Any]", _ALL.c.id),),
        paths={
            **_paths(_ALL.c),
            "action": _ALL.c.action,
            "reason": either(column(_ALL.c.reason), in_json(_ALL.c.details, "reason")),
            "description": either(
                column(_ALL.c.description), in_json(_ALL.c.details, "description")
            ),
            "receiverBucket.id": _ALL.c.to_account,
            "receiverProduct.id": _ALL.c.to_account,
            "receiver.id": in_json(_ALL.c.details, "receiver.id"),
        },
        owner=owned_through(_ALL.c.billing_account_id, *_PAYER, writes=False),
        find=_with_owners(find_history),
        to_wire=_owned(history_form),
        form=HistoryForm,
    )


def _top_ups(database: Database) -> Task[Owned[TopUp]]:
    return Task(
        path=TOP_UPS,
        type="TopupBalance",
        key=_TOP_UPS.c.id,
        order=(cast("sa.Column[Any]", _TOP_UPS.c.id),),
        paths={
            **_paths(_TOP_UPS.c),
            "reason": in_json(_TOP_UPS.c.details, "reason"),
            "description": in_json(_TOP_UPS.c.details, "description"),
            "paymentMethod.id": _TOP_UPS.c.payment_method_id,
            "isAutoTopup": _TOP_UPS.c.automatic,
            "voucher": _TOP_UPS.c.voucher,
        },
        owner=owned_through(_TOP_UPS.c.billing_account_id, *_PAYER, deletes=False),
        find=_with_owners(find_top_ups),
        to_wire=_owned(top_up_form),
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
                paths={**_ACTION_PATHS, "adjustType": _always("oneTime")},
            ),
            _task(
                ActionKind.TRANSFER, TransferForm, TransferCreate,
                partial(transfer, charging), transfer_form,
                paths={**_ACTION_PATHS, **_RECEIVER_PATHS},
                owner=owned_through(_actions.billing_account_id, *_PAYER),
            ),
            _task(
                ActionKind.RESERVATION, ReserveForm, ReserveCreate,
                partial(reserve, charging), reserve_form,
                paths={
                    **_ACTION_PATHS,
                    "validFor.startDateTime": _actions.requested_at,
                    "validFor.endDateTime": _actions.until,
                },
            ),
            _history(),
        ),
    )  # fmt: skip
