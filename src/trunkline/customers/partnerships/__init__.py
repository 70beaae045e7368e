"""Partnerships (TMF668): parties that work together, by a specification of their roles."""
