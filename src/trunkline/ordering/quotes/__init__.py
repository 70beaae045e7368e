"""Quotes: prices that are offered to a customer, negotiated, approved and accepted (TMF648)."""
