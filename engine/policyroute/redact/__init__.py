"""What is personal or secret in what is sent and said: found, replaced, and given back."""
