"""Who may have what, where and when: the one rule that qualifications and orders share."""
