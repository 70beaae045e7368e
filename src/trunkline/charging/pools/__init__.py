"""Shared pools: an account of a family, an enterprise or a fleet leases what it has to members.

`leasing` says what a lease is and moves what it consists of, `shares` what a member has and may,
`needs` what a request takes; `lending` brings them together within a batch of the network's
requests. `resting` says whose requests needn't look at any of it as long as the lease suffices.
`operations` are joining, leaving and getting back; `telling` says whose limits are reached, and
`exhaustion` for whom nothing pays any more. The pool's row is held for a lease and for nothing
else, so that it is never the hot row.
"""
