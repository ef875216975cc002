"""Firmware images: built from target, model, engine and toolchain, or prebuilt by the user."""
