"""The parts of differential.py."""
