"""What crossed to whom: one record an attempt, chained so that nobody changes one unseen."""
