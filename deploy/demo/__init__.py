"""The demo: a statewide scenario, played through the real pipeline and checked against what was sent."""
