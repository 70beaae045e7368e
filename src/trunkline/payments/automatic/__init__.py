"""Automatic top-ups: rules that collect money by a kept method when a balance falls low.

A crossing of the threshold is one `Collection`, which a `Collector` brings to the payment
gateway outside of every transaction and, once the money is there, makes a payment: a top-up like
any other, by the collection's id and so once.
"""
