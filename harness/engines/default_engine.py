"""The engine that is used if none is named; this module is light, for what only shows results."""

DEFAULT_ENGINE = "cmsis-nn"
