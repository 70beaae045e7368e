"""Dealers: party roles with a float, which what they sell is paid from."""
