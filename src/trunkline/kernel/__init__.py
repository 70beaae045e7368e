"""Values that every domain speaks in: money, quantities, ids, instants, errors,
lifecycles, lines of files.

Nothing here does I/O or knows a telecom rule. Import the modules themselves
(`from trunkline.kernel.money import Money`).
"""
