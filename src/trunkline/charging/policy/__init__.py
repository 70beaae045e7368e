"""What an operator rules about charging beside its prices: what always passes, how sessions end,
counters with thresholds, and what abroad may cost."""
