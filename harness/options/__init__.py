"""The options that the harness command and pytest share."""
