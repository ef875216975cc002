"""What a reviewer of a change reads: the comment of a pull request, made from Records."""
