"""Many runs on a farm, while what takes part in them is killed at random."""
