"""Agreements (TMF651): what is settled with parties beside the list."""

from trunkline.customers.agreements.model import (
    AGREEMENT_LIFECYCLE,
    Agreement,
    AgreementId,
    AgreementItem,
    AgreementNotFound,
    AgreementSpecificationId,
    AgreementStatus,
    InvalidAgreement,
    NewAgreement,
)
from trunkline.customers.agreements.operations import (
    change_agreement,
    change_agreement_specification,
    draw_up_agreement,
    sign_agreement,
    sign_agreements,
    specify_agreement,
    terminate_agreement,
)
from trunkline.customers.agreements.store import AGREEMENT_SPECIFICATIONS, AGREEMENTS

__all__ = [
    "AGREEMENTS",
    "AGREEMENT_LIFECYCLE",
    "AGREEMENT_SPECIFICATIONS",
    "Agreement",
    "AgreementId",
    "AgreementItem",
    "AgreementNotFound",
    "AgreementSpecificationId",
    "AgreementStatus",
    "InvalidAgreement",
    "NewAgreement",
    "change_agreement",
    "change_agreement_specification",
    "draw_up_agreement",
    "sign_agreement",
    "sign_agreements",
    "specify_agreement",
    "terminate_agreement",
]
