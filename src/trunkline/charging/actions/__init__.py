"""What people do to prepaid balances: adjustments, transfers and reservations.

Each is asked for in the books, where it is kept and can be read again; a durable command takes
it to charging's database, where one transaction does it or refuses it, once for its id; the
answer comes back as an event.
"""
