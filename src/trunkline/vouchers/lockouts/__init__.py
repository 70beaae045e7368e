"""Who tries wrong codes is counted, and refused for growing periods."""
