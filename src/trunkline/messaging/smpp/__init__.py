"""SMPP 3.4 (SMS Forum, "Short Message Peer-to-Peer Protocol Specification", Issue 1.2), the part
that sends: bind_transceiver, submit_sm, deliver_sm, enquire_link, unbind.
"""
