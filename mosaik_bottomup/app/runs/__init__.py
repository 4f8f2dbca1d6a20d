"""Many runs: who works on which, what one is known by, and whether it is there."""
