"""Builds a model for chips that pyOCD knows: do the images suit their memory maps?"""
