"""What of a prompt may cross to a provider, and what stays behind."""
