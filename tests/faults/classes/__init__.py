"""The classes of faults: each module is one."""
