"""A pipeline of three steps, each of which needs the JSON of the one before it."""
