"""Trunkline: the open telecom BSS, everything between a network and its revenue."""
