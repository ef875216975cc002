"""Energy of inferences, measured by a meter or estimated from cycles."""
