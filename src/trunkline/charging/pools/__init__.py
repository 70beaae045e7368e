"""Shared pools: an account of a family, an enterprise or a fleet leases what it has to members.

`leasing` decides what moves, `lending` does so within a batch of the network's requests,
`operations` are joining, leaving and getting back. The pool's row is held for a lease and for
nothing else, so that it is never the hot row.
"""
