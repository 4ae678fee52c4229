"""Failover: the state machine of one exchange, the words it speaks, and what each attempt sends."""
