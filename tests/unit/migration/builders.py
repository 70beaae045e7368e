"""Lines of the customer file."""

from trunkline.migration.rows import COLUMNS

ADA = {
    "customerID": "1000-ADA",
    "gender": "Female",
    "SeniorCitizen": "0",
    "Partner": "Yes",
    "Dependents": "No",
    "tenure": "12",
    "PhoneService": "Yes",
    "MultipleLines": "Yes",
    "InternetService": "Fiber optic",
    "OnlineSecurity": "No",
    "OnlineBackup": "Yes",
    "DeviceProtection": "No",
    "TechSupport": "No",
    "StreamingTV": "Yes",
    "StreamingMovies": "No",
    "Contract": "One year",
    "PaperlessBilling": "Yes",
    "PaymentMethod": "Credit card (automatic)",
    "MonthlyCharges": "91.35",
    "TotalCharges": "1096.2",
    "Churn": "No",
}
"""List price 50 + 20 + 5 + 5 + 10 = 90; agreed: 1.35 more."""

_WITHOUT = "No internet service"
NO_INTERNET = {
    "InternetService": "No",
    "OnlineSecurity": _WITHOUT,
    "OnlineBackup": _WITHOUT,
    "DeviceProtection": _WITHOUT,
    "TechSupport": _WITHOUT,
    "StreamingTV": _WITHOUT,
    "StreamingMovies": _WITHOUT,
}
NO_PHONE = {"PhoneService": "No", "MultipleLines": "No phone service"}

HEADER = ",".join(COLUMNS) + "\n"


def line(**changes: str) -> str:
    """Ada's line with other values in some columns."""
    row = ADA | changes
    return ",".join(row[name] for name in COLUMNS) + "\n"


def phone_only(**changes: str) -> str:
    """A line with a phone and nothing else, at the list price."""
    return line(**(NO_INTERNET | {"MultipleLines": "No", "MonthlyCharges": "20"} | changes))
