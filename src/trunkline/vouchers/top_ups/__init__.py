"""Top-ups that no payment of the customer's stands for: a voucher's, or a dealer's."""
