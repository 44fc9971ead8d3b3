"""What people write in YAML, read and checked: cases, baselines, vendor profiles. Errors name file, line and key."""
