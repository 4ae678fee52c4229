"""What is promised of sessions and of agents, tried on a running gateway with simulated clients and models."""
