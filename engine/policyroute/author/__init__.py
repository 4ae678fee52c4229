"""For policy authors: everything a policy must pass before it is used, and what can be said of one without traffic."""
