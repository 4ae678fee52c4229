"""What is known of the health of places: which of them are left alone for a while, and for how long."""
