"""Whole-estate checks: pure, and all faults in one report."""
