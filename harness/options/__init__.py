"""The options that the command line and pytest share."""
