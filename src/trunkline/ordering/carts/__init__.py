"""Shopping carts: what somebody is about to order, priced as the catalogue stands (TMF663)."""
