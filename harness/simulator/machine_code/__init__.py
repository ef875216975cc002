"""The simulator's hooks in the machine code of the host; hooks.py has the code as bytes."""
