"""A month of an invented operator's life, lived through the same doors as everybody's.

Customers sign up through product orders, phones call and browse (data over a real Diameter Gy
connection, calls and messages as CDR files), the month is billed, payments arrive and some
don't. Nothing here is needed by a real operator.
"""
