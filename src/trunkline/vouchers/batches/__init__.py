"""Batches of vouchers: their codes are drawn, sealed for the printer and kept as keyed digests;
the vouchers are sold by serial number, held back, taken back, and expire."""
