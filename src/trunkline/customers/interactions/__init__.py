"""Interactions (TMF683): every dealing with a party, by people and by the system."""
