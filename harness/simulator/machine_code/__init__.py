"""The simulator's hooks in the machine code of the host; native_hooks.py has the code as bytes."""
