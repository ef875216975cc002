"""Programs that show whether an emulated chip does what the manuals say: `make conformance`.

`programs` has the C of the cases, `cases.toml` what the manuals expect of each, and `deviations`
what emulators do instead.
"""
