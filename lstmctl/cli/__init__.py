"""The command line: thin. Each command declares its options and calls one plain function of the package."""
