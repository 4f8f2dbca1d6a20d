"""Many runs over axes of a scenario: which, on what processes, and their table."""
