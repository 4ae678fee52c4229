"""What Policyroute costs, as ratios measured in one run. Run with `scripts/bench`."""
