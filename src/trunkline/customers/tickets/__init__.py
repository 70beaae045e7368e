"""Trouble tickets (TMF621): what went wrong for whom, who is at it, and by when it is solved."""
