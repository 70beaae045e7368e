"""What is agreed, on the wire: what TMF651 and TMF644 share."""

from trunkline.rest.forms.entities import DescribedReference, NamedValue
from trunkline.rest.forms.wire import PeriodIn, Typed
from trunkline.tmf import Moment


class Authorization(Typed, kw_only=True):
    date: Moment | None = None
    signature_representation: str | None = None
    state: str | None = None


class TermOrCondition(Typed, kw_only=True):
    id: str | None = None
    description: str | None = None
    valid_for: PeriodIn | None = None


class AgreementItem(Typed, kw_only=True):
    product: tuple[DescribedReference, ...] | None = None
    product_offering: tuple[DescribedReference, ...] | None = None
    term_or_condition: tuple[TermOrCondition, ...] | None = None


class AgreementAttributes(Typed, kw_only=True):
    """But for its items and who is engaged in it."""

    name: str
    agreement_type: str
    description: str | None = None
    document_number: int | None = None
    initial_date: Moment | None = None
    statement_of_intent: str | None = None
    status: str | None = None
    version: str | None = None
    agreement_authorization: tuple[Authorization, ...] | None = None
    agreement_period: PeriodIn | None = None
    agreement_specification: DescribedReference | None = None
    associated_agreement: tuple[DescribedReference, ...] | None = None
    characteristic: tuple[NamedValue, ...] | None = None
    completion_date: PeriodIn | None = None
