"""Privacy: what a party allows to be done with its data, and by which channels it may be told.

A profile (TMF644) is what was agreed, as a document; each change of it leaves consents in an
append-only record, which is what everybody else asks. The latest word on a purpose and a
channel counts, whoever gave it and however.
"""
